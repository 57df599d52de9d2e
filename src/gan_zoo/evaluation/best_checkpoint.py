"""The best checkpoint of a run, by one number."""

import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gan_zoo import checkpoints
from gan_zoo.schema import ConfigError, suggest

log = logging.getLogger(__name__)


def best_tag(
    asked: str, tags: Iterable[str], lower_is_better: Callable[[str], bool | None]
) -> str | None:
    """The tag that chooses the best checkpoint: the one asked for, or the first with a direction.

    Args:
        asked: a tag, with or without its `metric/`; empty for the first.
        tags: of all numbers of an evaluation.
        lower_is_better: whether less of a tag is better; None where it has no direction.

    None if nothing is asked for and no tag has a direction. Raises ConfigError for any other tag.
    """
    usable = [tag for tag in tags if lower_is_better(tag) is not None]
    if not asked:
        return next(iter(usable), None)
    tag = asked if "/" in asked else f"metric/{asked}"
    if tag not in usable:
        raise ConfigError("monitor", asked, suggest(tag, usable))
    return tag


class BestCheckpoint:
    """Keeps FOLDER/best.pt, and goes on from the one that is there.

    Attributes:
        record: metric, value and step of the best checkpoint; empty while there is none.
    """

    def __init__(self, folder: Path, metric: str, lower_is_better: bool):
        self.path, self.metric = folder / "best.pt", metric
        self.sign = 1 if lower_is_better else -1
        self.record: dict[str, Any] = {}
        if self.path.exists():
            self._restore()

    def _restore(self) -> None:
        """The record of the checkpoint that is there, if it can be read and is by this number."""
        try:
            found = checkpoints.read(self.path).get("best")
        except ConfigError as error:  # the run itself does not need it
            log.warning("%s; the next one takes its place", error)
            return
        if isinstance(found, dict) and found.get("metric") == self.metric:
            self.record = found

    def update(self, step: int, value: float, content: Callable[[], dict[str, Any]]) -> bool:
        """Keep a checkpoint's content if its value beats all before. Returns whether it is kept."""
        reigning = self.record.get("value", math.inf * self.sign)
        if not self.sign * value < self.sign * reigning:
            return False
        record = {"metric": self.metric, "value": value, "step": step}
        if checkpoints.try_save(self.path, {**content(), "best": record}):
            return False
        self.record = record
        return True
