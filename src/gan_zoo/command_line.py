"""What all commands share: exit codes, errors as one line, arguments. No torch, no Hydra."""

import argparse
import io
import logging
import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from gan_zoo.closed_terminal import drop_closed_terminal, outlive_terminal
from gan_zoo.schema import ConfigError, at_home
from gan_zoo.training.signals import Interrupted, Stopped, stop_signals

EXIT_USAGE = 2  # a mistake in the command line, or in a file that it names
EXIT_FAILED = 3  # something requested could not be completed
EXIT_SIGNAL = 128  # plus the number of the signal, as shells report it: 129, 130, 143


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program in one line on standard error, with an exit code, for an expected error.

    Expected are mistakes in settings, files that cannot be read or written, lack of memory, runs
    that stop, and signals. A closed output (`| head`) ends the program without a line.
    """
    open_streams()
    with _signals_handled(), _silent_logging_errors():
        try:
            yield
            sys.stdout.flush()
        except BrokenPipeError:
            _close_stdout()
            sys.exit(EXIT_SIGNAL + signal.SIGPIPE)
        except KeyboardInterrupt:
            _end_by_signal(signal.SIGINT)
        except (ConfigError, OSError, Stopped, MemoryError) as error:
            exit_with(error, exit_code(error))
        except RuntimeError as error:
            if _is_out_of_memory(error):
                exit_with("out of memory", EXIT_FAILED)
            if operation := _missing_operation(error):
                missing = f"torch has no {operation} for this device; use device=cpu"
                exit_with(missing, EXIT_FAILED)
            raise


def open_streams() -> None:
    """Let a program without output write to nothing, and escape what the output cannot encode.

    Services start programs without output, and terminals are closed. Class names may be in any
    language, and a console's encoding have none of their letters; standard error escapes them
    always.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open("w")  # noqa: SIM115 - to the end of the program
            os.set_inheritable(stream.fileno(), True)  # by the processes of a sweep
            setattr(sys, name, stream)
    outlive_terminal()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in _FAILING:
        sys.stdout.reconfigure(errors="backslashreplace")


_FAILING = ("strict", "surrogateescape")  # Python's own choices; others are the user's


def exit_code(error: Exception) -> int:
    """Return the exit code of a program that an error ends."""
    if isinstance(error, ConfigError):
        return EXIT_USAGE
    if isinstance(error, Interrupted):
        return EXIT_SIGNAL + error.signal_number
    return EXIT_FAILED


def exit_with(error: Exception | str, code: int, hint: str = "") -> NoReturn:
    """End the program with one line on standard error: what happened, and what to do next."""
    print(error_line(error, hint), file=sys.stderr)
    sys.exit(code)


def error_line(error: Exception | str, hint: str = "") -> str:
    """Return one line for the terminal: what happened, and what to do next."""
    message = error if isinstance(error, str) else error_message(error)
    line = "; ".join(filter(None, [f"error: {' '.join(message.split())}", hint]))
    # a folder's name or a saved setting may contain control sequences
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def exit_usage_error(line: str) -> NoReturn:
    """End the program for a mistake of the user."""
    exit_with(line, EXIT_USAGE)


def error_message(error: Exception) -> str:
    """Describe an error in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'}: {error.strerror}"
    if isinstance(error, MemoryError):
        return "out of memory"
    own = str(error) if isinstance(error, (ConfigError, Stopped)) else ""
    return " ".join((own or f"{type(error).__name__}: {error}").split())


def whole_number(least: int, most: int | None = None, unit: str = "") -> Callable[[str], int]:
    """Return an argparse type for whole numbers from `least` to `most`, of a unit."""
    above = f"above {least - 1}" if least > 0 else "of 0 or more"
    allowed = above if most is None else f"from {least} to {most}"
    allowed = f"of {unit} {allowed}" if unit else allowed

    def parse(text: str) -> int:
        number = int(text) if text.isdecimal() and len(text) <= _DIGITS else -1
        if number < least or number >= 2**63 or (most is not None and number > most):
            limit = " and below 2^63" if text.isdecimal() and most is None else ""
            raise argparse.ArgumentTypeError(f"{text} must be a whole number {allowed}{limit}")
        return number

    return parse


_DIGITS = 19  # of 2^63; Python refuses to read numbers of thousands of digits


@contextmanager
def _signals_handled() -> Iterator[None]:
    """End the program in one line on SIGTERM and SIGHUP, unless this block sets other handlers."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    numbers = [number for number in stop_signals() if number != signal.SIGINT]
    before = {n: signal.signal(n, lambda number, _: _end_by_signal(number)) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _silent_logging_errors() -> Iterator[None]:
    """Drop log messages that cannot be written (`| head`) in this block: training continues."""
    before, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        yield
    finally:
        logging.raiseExceptions = before


def _end_by_signal(number: int) -> NoReturn:
    drop_closed_terminal()
    exit_with(f"stopped by {signal.Signals(number).name}", EXIT_SIGNAL + number)


def _close_stdout() -> None:
    """Redirect stdout to the null device, so that the interpreter's last flush succeeds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _missing_operation(error: RuntimeError) -> str:
    """Return the name of the operation that a device lacks; empty for any other error."""
    found = re.search(r"'(aten::[\w.]+)'", str(error))
    return found[1] if found and isinstance(error, NotImplementedError) else ""


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether torch could not allocate memory, on the host or on a GPU."""
    texts = ("allocate memory", "out of memory", "Storage size calculation overflowed")
    return any(words in str(error) for words in texts)


_ROOT = Path(__file__).resolve().parents[2]


def program(script: str) -> str:
    """Return how users call a script: `python train.py`, or `gan-zoo train` if installed."""
    installed = sys.argv[0].startswith("gan-zoo ") or not (_ROOT / "train.py").is_file()
    name = Path(script).stem.replace("_", "-")
    return f"gan-zoo {name}" if installed else f"python {script}"


def as_called(text: str) -> str:
    """Return a text with its commands, such as gan-zoo sample, as users call them."""

    def called(found: re.Match[str]) -> str:
        name = found[1].replace("-", "_")
        return program("train.py" if name == "train" else f"scripts/{name}.py")

    return re.sub(r"gan-zoo ([a-z-]+)", called, text)


def from_here(script: str, *words: str) -> str:
    """Return the command, quoted for a POSIX shell, that runs a script from the current folder.

    script is relative to the project's folder; elsewhere its absolute path is needed.
    """
    name, called = program(script).split()
    elsewhere = name == "python" and Path.cwd() != _ROOT
    return shlex.join([name, str(_ROOT / script) if elsewhere else called, *words])


def given_path(text: str) -> Path:
    """Return a path of the command line with a `~` at its beginning expanded."""
    return Path(at_home(text))
