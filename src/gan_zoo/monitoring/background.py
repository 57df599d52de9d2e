"""Writing in a thread of its own: whatever goes wrong there, continuing training."""

import logging
import os
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from io import FileIO
from pathlib import Path

from gan_zoo.devices import single_core_pool

log = logging.getLogger(__name__)

_MOST_WAITING = 100  # tasks, before whoever brings another one has to wait for the first


class BackgroundWriter:
    """Does what it is given in the order in which it came, in one thread.

    What fails is told in one line, the first time, and continuing training without it.
    """

    def __init__(self) -> None:
        self._thread = single_core_pool(1, "writer")
        self._waiting: deque[Future[None]] = deque()
        self._failed: set[str] = set()

    def submit(self, tasks: Mapping[str, Callable[[], object]]) -> None:
        """Have tasks done soon, by the names of what they write. To wake the thread takes time."""
        self._waiting.append(self._thread.submit(self._attempt, tasks))
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft().result()

    def flush(self) -> None:
        """Wait until everything is done."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        """Wait until everything is done, and end the thread."""
        self._thread.shutdown()

    def _attempt(self, tasks: Mapping[str, Callable[[], object]]) -> None:
        for what, act in tasks.items():
            try:
                act()
            except Exception as error:  # a picture or a curve less is no reason to stop training
                if what not in self._failed:
                    self._failed.add(what)
                    log.warning("cannot write %s: %s; continuing training", what, error)


class AppendFile:
    """A file that grows by whole pieces, each handed to the system at once.

    A piece that cannot be written, as on a full disk, waits for the next attempt: while the program
    lives nothing is lost, or left written by halves. Raises OSError where it cannot be opened.
    """

    def __init__(self, path: Path):
        self._file = FileIO(path, "a")
        self._waiting = bytearray()

    def write(self, piece: bytes) -> None:
        """Append a piece, after those that wait. Raises OSError."""
        self._waiting += piece
        while self._waiting:
            del self._waiting[: self._file.write(self._waiting)]

    def sync(self) -> None:
        """Append what waits, and have it survive a crash of the machine. Raises OSError."""
        self.write(b"")
        os.fsync(self._file)

    def close(self) -> None:
        """Try for the last time to append what waits. Raises OSError."""
        with self._file:
            self.write(b"")
