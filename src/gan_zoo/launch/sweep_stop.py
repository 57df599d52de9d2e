"""Stop a sweep or a run that other processes train: they save, and no other job starts."""

import dataclasses
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path

from tqdm import tqdm

from gan_zoo.closed_terminal import drop_closed_terminal
from gan_zoo.command_line import EXIT_SIGNAL
from gan_zoo.training.signals import (
    DEFAULT_HANDLERS,
    FROM_TERMINAL,
    SIGHUP,
    handle_next,
    reset_signals,
    stop_signals,
)

_INTERVAL = 0.5  # seconds between two looks at the file


@dataclasses.dataclass(frozen=True)
class SweepStop:
    """How a sweep asks jobs, or a run its ranks, in other processes to stop: by a file.

    Jobs also stop when the process that started them has died, except on a cluster: there its
    login may have ended. (Passing its signals on would end launchers that wait for results, and
    these kill processes that are saving.)

    Attributes:
        folder: of the sweep, or of what a run's processes share.
        pid, host: of the process that started the jobs.
        outlived: whether jobs train on when that process has died.
    """

    folder: Path
    pid: int = dataclasses.field(default_factory=os.getpid)
    host: str = dataclasses.field(default_factory=socket.gethostname)
    outlived: bool = False

    @property
    def file(self) -> Path:
        """Holds the number of the signal, once there was one."""
        return self.folder / f".stop-{self.host}-{self.pid}"

    def begin(self) -> None:
        """Ask the jobs to stop at the first SIGINT, SIGTERM or SIGHUP; a second one acts at once.

        On a cluster the first one ends this program, too: it does not wait for jobs in the queue.
        SIGHUP ends only this program there, as its login may have ended.
        """
        self.file.unlink(missing_ok=True)  # of an earlier process with this number
        for number in stop_signals():
            alone = self.outlived and number == SIGHUP
            signal.signal(number, signal.SIG_DFL if alone else self._ask)

    def _ask(self, number: int, frame: object) -> None:
        drop_closed_terminal()
        handle_next(*DEFAULT_HANDLERS)
        self.ask(number)
        with suppress(OSError):  # which would end the launcher here, before its jobs have saved
            tqdm.write("stopping: running jobs save, others do not start", file=sys.stderr)
        if self.outlived:
            sys.exit(EXIT_SIGNAL + number)

    def ask(self, number: int) -> None:
        """Ask the jobs to stop for a signal."""
        self.file.write_text(str(number), encoding="utf-8")

    def end(self) -> int:
        """Return the signal that stopped the sweep, 0 for none, and handle signals as usual."""
        reset_signals()
        found = self.signal_number()
        if not (found and self.outlived):  # jobs in the queue of a cluster will read it
            self.file.unlink(missing_ok=True)
        return found

    def signal_number(self) -> int:
        """Return the signal for which jobs stop, 0 for none."""
        try:
            return int(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0

    def is_alive(self) -> bool:
        """Return whether the process that started the jobs lives; True where that is unknown."""
        if os.name != "posix" or socket.gethostname() != self.host:
            return True
        return is_alive(self.pid)


def is_alive(pid: int) -> bool:
    """Return whether a process with this number lives on this machine."""
    try:
        os.kill(pid, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def keep_interrupts_from_workers() -> None:
    """Make processes that this thread starts from now on never see Ctrl-C and SIGHUP.

    A terminal sends them to all processes, and they would kill one that is still importing. They
    inherit the mask of this thread; the signal then reaches another thread of this process.
    """
    if hasattr(signal, "pthread_sigmask"):
        _start_resource_tracker()
        signal.pthread_sigmask(signal.SIG_BLOCK, FROM_TERMINAL)


def _start_resource_tracker() -> None:
    """Start a helper process of `multiprocessing` now: its start would clear the mask later.

    It then cleans up after processes that were killed without a warning about each.
    """
    before = os.environ.get("PYTHONWARNINGS", "")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [before, "ignore:resource_tracker"]))
    resource_tracker.ensure_running()
    os.environ["PYTHONWARNINGS"] = before


def see_interrupts() -> None:
    """Undo `keep_interrupts_from_workers`."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FROM_TERMINAL)


class StopWatch:
    """Reads a `SweepStop` in a job's process, at most twice a second."""

    def __init__(self, stop: SweepStop):
        self._stop, self._next_time, self._found = stop, 0.0, 0
        self._parent = os.getppid()  # changes when that dies, even if nobody waits for it

    def __call__(self) -> int:
        """Return the signal for which the job stops, 0 for none."""
        now = time.monotonic()
        if not self._found and now >= self._next_time:
            self._next_time = now + _INTERVAL
            self._found = self._stop.signal_number()
            if not self._found and self.is_orphan():
                self._found = signal.SIGTERM
        return self._found

    def is_orphan(self) -> bool:
        """Return whether the process that started this one has died, and with it the sweep."""
        if self._stop.outlived:
            return False
        return os.getppid() != self._parent or not self._stop.is_alive()

    def end_orphan(self) -> None:
        """End this process if its sweep has died: it would wait forever for a reader of results."""
        if self.is_orphan():
            logging.shutdown()
            os._exit(EXIT_SIGNAL + signal.SIGTERM)


class IdleWatch(threading.Thread):
    """Ends a process that waits for its next job once its sweep has died."""

    def __init__(self, watch: StopWatch):
        super().__init__(daemon=True)
        self._watch, self._cancelled = watch, threading.Event()

    def run(self) -> None:
        while not self._cancelled.wait(_INTERVAL):
            self._watch.end_orphan()

    @staticmethod
    def cancel() -> None:
        """End the watch of this process, if there is one: a job watches for itself."""
        for thread in threading.enumerate():
            if isinstance(thread, IdleWatch):
                thread._cancelled.set()
