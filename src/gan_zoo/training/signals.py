"""Signals: a run saves, then stops, or calls the handler of the program that started it."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gan_zoo.closed_terminal import drop_closed_terminal

SIGHUP = getattr(signal, "SIGHUP", None)  # of a closed terminal, or a lost connection
DEFAULT_HANDLERS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
if SIGHUP:  # not on Windows
    DEFAULT_HANDLERS[SIGHUP] = signal.SIG_DFL
FROM_TERMINAL = {signal.SIGINT, SIGHUP} - {None}  # sent to all processes of a terminal
# what clusters send before they stop a job; nobody sends them without a handler
_CLUSTER = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))


class Stopped(Exception):  # noqa: N818
    """A run stopped early, and not because of its settings; the same command resumes it."""


class Interrupted(Stopped):
    """A signal stopped the run, after it was saved or done, or while it failed.

    Attributes:
        failure: what ended the run before the signal could; None if it is saved or done.
    """

    def __init__(self, number: int, failure: Exception | None = None):
        found = f"; {failure}" if isinstance(failure, Stopped) else ""
        super().__init__(f"stopped by {signal.Signals(number).name}{found}")
        self.signal_number, self.failure = number, failure


class StopFlag:
    """Set by a signal handler, read between two steps.

    Args:
        outer: handlers by signal, set by the program around this one, such as submitit or ray.

    Attributes:
        signal_number: of the signal that stops the run; None for none. Not of one with an outer
            handler, which decides that.
    """

    signal_number: int | None = None

    def __init__(self, outer: Mapping[int, Callable[..., Any]] | None = None):
        self._outer = outer or {}
        self._for_outer: list[int] = []  # signals since the last step

    def set(self, number: int, frame: object) -> None:
        """Handle a signal; see `handle_next` for a second one of a kind without outer handler."""
        drop_closed_terminal()
        if number not in self._outer:
            self.signal_number = number
            handle_next(number)
        elif number not in self._for_outer:
            self._for_outer.append(number)

    def call_outer(self, save: Callable[[], None]) -> None:
        """Save, then call the outer handlers of the signals that have come.

        A handler that returns lets the run train on. Raises Interrupted for one that fails, as
        submitit's does for a job that may not be requeued; one may also end the program.
        """
        while self._for_outer:
            save()
            number = self._for_outer.pop(0)
            try:
                self._outer[number](number, None)
            except Exception as error:
                raise Interrupted(number) from error


@contextmanager
def catch_signals() -> Iterator[StopFlag]:
    """Set a flag on SIGINT, SIGTERM and SIGHUP instead of ending the program immediately.

    An ignored SIGHUP (`nohup`) stays ignored. SIGUSR1 and SIGUSR2 are caught only if somebody has
    set a handler for them. A signal that nothing in the block has acted on is not lost: at the end,
    Interrupted is raised for it, or its outer handler is called.
    """
    if threading.current_thread() is not threading.main_thread():
        yield StopFlag()  # only the main thread may handle signals
        return
    stopping = stop_signals()
    numbers = (*stopping, *_CLUSTER)
    outer = {n: handler for n in numbers if _is_outer(handler := signal.getsignal(n))}
    flag = StopFlag(outer)
    before = {n: signal.signal(n, flag.set) for n in numbers if n in {*stopping, *outer}}
    try:
        yield flag
    except Exception as error:
        if flag.signal_number and not isinstance(error, Interrupted):
            raise Interrupted(flag.signal_number, error) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        flag.call_outer(lambda: None)
    if flag.signal_number:
        raise Interrupted(flag.signal_number)


def stop_signals() -> list[int]:
    """Return the signals that stop a run: SIGINT, SIGTERM, and SIGHUP unless `nohup` ignores it."""
    ignored = {SIGHUP} if SIGHUP and signal.getsignal(SIGHUP) == signal.SIG_IGN else set()
    return [number for number in DEFAULT_HANDLERS if number not in ignored]


def handle_next(*numbers: int) -> None:
    """Let the next signal of these kinds act immediately, but SIGHUP do nothing.

    When a terminal is closed, a program may get SIGHUP from its shell and from the kernel.
    """
    for number in {*numbers} & {*stop_signals()}:
        signal.signal(number, _do_nothing if number == SIGHUP else DEFAULT_HANDLERS[number])


def reset_signals() -> None:
    """Handle the signals that stop a run as Python does."""
    for number in stop_signals():
        signal.signal(number, DEFAULT_HANDLERS[number])


def _do_nothing(number: int, frame: object) -> None:
    pass


def _is_outer(handler: Any) -> bool:
    """Return whether a signal handler is neither Python's nor this package's."""
    own = str(getattr(handler, "__module__", "")).startswith("gan_zoo.")
    return callable(handler) and handler is not signal.default_int_handler and not own
