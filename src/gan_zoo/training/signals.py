"""Stop a run cleanly on SIGINT and SIGTERM."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

DEFAULT_HANDLERS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


class Stopped(Exception):  # noqa: N818
    """A run stopped early, and not because of its settings; the same command resumes it."""


class Interrupted(Stopped):
    """A signal stopped the run, after it was saved."""

    def __init__(self, number: int):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.signal_number = number


class StopFlag:
    """Set by a signal handler, read between two steps."""

    signal_number: int | None = None

    def set(self, number: int, frame: object) -> None:
        """Handle a first signal; a second one of the same kind acts immediately."""
        self.signal_number = number
        signal.signal(number, DEFAULT_HANDLERS[number])


@contextmanager
def catch_signals() -> Iterator[StopFlag]:
    """Set a flag on SIGINT and SIGTERM instead of ending the program immediately."""
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag  # only the main thread may handle signals
        return
    before = {number: signal.signal(number, flag.set) for number in DEFAULT_HANDLERS}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
