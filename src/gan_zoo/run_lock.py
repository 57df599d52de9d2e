"""A lock on a run's folder: only one process at a time trains there."""

import contextlib
import errno
import functools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gan_zoo.training.signals import Stopped

if TYPE_CHECKING:
    from filelock import FileLock

log = logging.getLogger(__name__)

LOCK = ".lock"  # a file of the run's folder; it stays, the lock on it ends with its holder
IN_USE = "another process is training this run"
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # as of Lustre and NFS without them
_PATIENCE = 0.2  # seconds to get a lock, which `in_use` of another process holds for a moment


class FolderInUse(Stopped):
    """Another process trains in the run's folder."""

    def __init__(self, folder: Path):
        super().__init__(f"{folder}: {IN_USE}")


def acquire(path: Path, timeout: float) -> "FileLock | None":
    """Return a held lock between processes, which the operating system ends with its holder.

    Returns None where the file system has no locks, with one warning in each process.

    timeout: seconds to wait for another holder; -1 waits for its end. Raises filelock.Timeout after
    that, and OSError where the file cannot be opened.
    """
    import filelock  # only when training: commands that only read start faster

    # a soft lock would stay behind a killed process
    lock = filelock.FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=timeout)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _warn_of_no_locks()
        return None
    return lock


@functools.cache  # once: a sweep has many folders on one file system
def _warn_of_no_locks() -> None:
    log.warning("this file system has no locks: train in each folder in one process only")


@contextlib.contextmanager
def lock_folder(folder: Path, wait: bool = False) -> Iterator[None]:
    """Keep other processes from training in a folder during this block; creates the folder.

    Locks nothing where the file system has no locks.

    wait: until a process that holds the lock has ended. Otherwise raises FolderInUse for it. Raises
    OSError for a folder that cannot be written.
    """
    import filelock

    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = acquire(folder / LOCK, -1 if wait else _PATIENCE)
    except filelock.Timeout:
        raise FolderInUse(folder) from None
    try:
        yield
    finally:
        if lock:
            lock.release()


def in_use(folder: Path, patience: float = _PATIENCE) -> bool:
    """Return whether a process trains in a folder at this moment; makes no folder.

    patience: seconds after which that is sure; another call of this function has the lock, too.
    False where the file system has no locks. Raises OSError for a lock that cannot be opened.
    """
    if not (folder / LOCK).is_file():
        return False
    import filelock

    try:
        lock = acquire(folder / LOCK, patience)
    except filelock.Timeout:
        return True
    if lock:
        lock.release()
    return False


def wait_until_free(folder: Path) -> None:
    """Wait until no process trains in a folder, for example one that still saves its run.

    Creates the folder. Raises OSError for one that cannot be written.
    """
    with lock_folder(folder, wait=True):
        pass
