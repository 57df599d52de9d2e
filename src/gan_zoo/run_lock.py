"""A lock on a run's folder: only one process at a time trains there."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from gan_zoo.training.signals import Stopped

log = logging.getLogger(__name__)

LOCK = ".lock"  # a file of the run's folder; it stays, the lock on it ends with its holder
IN_USE = "another process is training this run"
_PATIENCE = 0.2  # seconds to get a lock, which `in_use` of another process holds for a moment


class FolderInUse(Stopped):
    """Another process trains in the run's folder."""

    def __init__(self, folder: Path):
        super().__init__(f"{folder}: {IN_USE}")


@contextlib.contextmanager
def lock_folder(folder: Path, wait: bool = False) -> Iterator[None]:
    """Keep other processes from training in a folder during this block.

    The operating system ends the lock with the process, even a killed one. Where the file system
    has no locks, a warning is logged, and nothing is locked.

    wait: until a process that holds the lock has ended; else that raises FolderInUse.
    """
    import filelock  # only when training: commands that only read start faster

    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=-1 if wait else _PATIENCE)
    except filelock.Timeout:
        raise FolderInUse(folder) from None
    except NotImplementedError:
        log.warning("%s: this file system has no locks; train here in one process only", folder)
    try:
        yield
    finally:
        lock.release()


def in_use(folder: Path, patience: float = _PATIENCE) -> bool:
    """Return whether a process trains in a folder at this moment; makes no folder.

    patience: seconds after which that is sure; another call of this function has the lock, too.
    """
    if not (folder / LOCK).is_file():
        return False
    import filelock

    try:
        with filelock.FileLock(folder / LOCK).acquire(timeout=patience):
            return False
    except filelock.Timeout:
        return True
    except NotImplementedError:  # nothing is locked
        return False


def wait_until_free(folder: Path) -> None:
    """Wait until no process trains in a folder, for example one that still saves its run."""
    with lock_folder(folder, wait=True):
        pass
