"""Checkpoints of one run: written at each call, the newest ones kept, rescued on exceptions."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_zoo import checkpoints
from gan_zoo.training.signals import Stopped
from gan_zoo.training.trainer import Trainer

log = logging.getLogger(__name__)

_KEPT = 2  # checkpoints: the newest, and the one before in case that one is damaged


class CheckpointSaver:
    """Writes the checkpoints of a run into a folder.

    Args:
        folder: of the checkpoints.
        content: what one holds; raises DivergedError for weights that are not finite.
    """

    def __init__(self, folder: Path, trainer: Trainer, content: Callable[[], dict[str, Any]]):
        self.folder, self.trainer, self.content = folder, trainer, content
        self._saved = trainer.step if self._path.exists() else -1
        self._unsaved = ""  # why the last checkpoint could not be written

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.trainer.step:08d}.pt"

    @property
    def has_present(self) -> bool:
        """Whether there is a sound checkpoint of exactly the present state."""
        return self._saved == self.trainer.step and not self.trainer.midway

    def save(self) -> None:
        """Write a checkpoint, and delete the oldest; where it cannot be written, warn."""
        self._unsaved = checkpoints.try_save(self._path, self.content())
        if not self._unsaved:
            self._saved = self.trainer.step
            checkpoints.prune(self.folder, _KEPT)

    def rescue(self) -> None:
        """Save what there is, if it is sound, before an exception ends the run; raises nothing."""
        if self.has_present:
            return
        step = self.trainer.step
        try:
            self.save()
        except Exception as error:
            log.warning("step %s could not be saved: %s", step, " ".join(str(error).split()))
            return
        if self.trainer.midway and not self._unsaved:
            log.warning("saved amid step %s: what follows will differ slightly", step + 1)

    def check(self) -> None:
        """Raises Stopped where the last checkpoint could not be written."""
        if self._unsaved:
            where = f"step {self.trainer.step} could not be saved in {self.folder}"
            raise Stopped(f"{where}: {self._unsaved}")
