"""One GPU for each process of a sweep."""

import atexit
import dataclasses
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from gan_zoo.run_lock import acquire

_VARIABLE = "CUDA_VISIBLE_DEVICES"


@dataclasses.dataclass(frozen=True)
class WorkerGpus:
    """The GPUs that the processes of a sweep share: each process takes one, and keeps it.

    Attributes:
        folder: of the sweep, for locks that end with their process.
        names: as CUDA_VISIBLE_DEVICES has them.
    """

    folder: Path
    names: Sequence[str]

    def claim(self) -> None:
        """Make this process, which has not loaded torch, use a GPU of its own or the least used."""
        if len(self.names) > 1 and os.environ.get(_VARIABLE) not in self.names:
            os.environ[_VARIABLE] = self._lock_free()

    def _lock_free(self) -> str:
        import filelock

        for place in itertools.count():  # the second process on each GPU, and so on
            for number, name in enumerate(self.names):
                try:
                    lock = acquire(self.folder / f".gpu-{number}-{place}", 0)
                except filelock.Timeout:
                    continue
                if lock is None:
                    return self.names[os.getpid() % len(self.names)]
                atexit.register(lock.release)  # else the lock would end with this function
                return name
        raise AssertionError  # count() does not end
