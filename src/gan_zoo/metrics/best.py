"""The best checkpoint of a run, by one number."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_zoo import checkpoints


class Best:
    """Keeps FOLDER/best.pt, and goes on from the one that is there.

    Attributes:
        record: metric, value and step of the best checkpoint; empty while there is none.
    """

    def __init__(self, folder: Path, metric: str, lower_is_better: bool):
        self.path, self.metric = folder / "best.pt", metric
        self.sign = 1 if lower_is_better else -1
        self.record: dict[str, Any] = {}
        if self.path.exists():
            found = checkpoints.load(self.path).get("best", {})
            self.record = found if found.get("metric") == metric else {}

    def offer(self, step: int, value: float, content: Callable[[], dict[str, Any]]) -> bool:
        """Keep a checkpoint's content if its value beats all before. Returns whether it does."""
        reigning = self.record.get("value", math.inf * self.sign)
        if not self.sign * value < self.sign * reigning:
            return False
        self.record = {"metric": self.metric, "value": value, "step": step}
        checkpoints.save(self.path, {**content(), "best": self.record})
        return True
