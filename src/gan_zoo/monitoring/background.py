"""Write files in a background thread; errors there do not stop training."""

import logging
import os
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO
from pathlib import Path

from gan_zoo.devices import single_core_pool

log = logging.getLogger(__name__)

_MOST_WAITING = 100  # tasks; with more, `submit` waits for the first one


def writer_thread() -> ThreadPoolExecutor:
    """Return a thread for background writers."""
    return single_core_pool(1, "writer")


class BackgroundWriter:
    """Runs tasks in one background thread, in order.

    Logs a warning when a kind of task fails for the first time.

    Args:
        thread: that several writers share; None for one of its own.
    """

    def __init__(self, thread: ThreadPoolExecutor | None = None) -> None:
        self._thread, self._is_own = thread or writer_thread(), thread is None
        self._waiting: deque[Future[None]] = deque()
        self._failed: set[str] = set()

    def submit(self, tasks: Mapping[str, Callable[[], object]]) -> None:
        """Submit tasks by the names of what they write; one call for several saves time."""
        self._waiting.append(self._thread.submit(self._attempt, tasks))
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft().result()

    def flush(self) -> None:
        """Wait until all tasks are done."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        """Wait until all tasks are done, and end a thread of its own."""
        self.flush()
        if self._is_own:
            self._thread.shutdown()

    def _attempt(self, tasks: Mapping[str, Callable[[], object]]) -> None:
        for name, task in tasks.items():
            try:
                task()
            except Exception as error:  # a missing image or curve is not worth failing the run
                if name not in self._failed:
                    self._failed.add(name)
                    log.warning("cannot write %s: %s; continuing training", name, error)


class AppendFile:
    """Appends whole pieces to a file, unbuffered.

    Retries a piece that cannot be written, as on a full disk, before the next one, so that no piece
    is lost or left incomplete while the program runs. Raises OSError if the file cannot be opened.
    """

    def __init__(self, path: Path):
        self._file = FileIO(path, "a")
        self._waiting = bytearray()

    def write(self, piece: bytes) -> None:
        """Append a piece, after those not yet written. Raises OSError."""
        self._waiting += piece
        while self._waiting:
            del self._waiting[: self._file.write(self._waiting)]

    def sync(self) -> None:
        """Write what is not yet written, and sync the file to disk. Raises OSError."""
        self.write(b"")
        os.fsync(self._file)

    def close(self) -> None:
        """Try once more to write what is not yet written, and close. Raises OSError."""
        with self._file:
            self.write(b"")
