"""The terminal: lines above a progress bar, bold text, lengths of time. No torch."""

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from tqdm import tqdm

_ESCAPES = re.compile(r"\x1b\[\d*m")


def show(text: str) -> None:
    """Print a text on standard output, above a progress bar; a closed output stops nothing."""
    encoding = sys.stdout.encoding or "utf-8"
    with suppress(OSError, ValueError):
        tqdm.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()


@contextmanager
def log_above_bar() -> Iterator[None]:
    """Write the log lines of this block above a progress bar, and keep their handlers' levels."""
    handlers = [h for h in logging.getLogger().handlers if _is_console(h)]
    streams = [handler.setStream(_AboveBar(handler.stream)) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, streams, strict=True):
            handler.setStream(stream)


class _AboveBar:
    """A stream whose lines are written above a progress bar."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> None:
        tqdm.write(text, file=self.stream, end="")

    def flush(self) -> None:
        self.stream.flush()


def _is_console(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stdout, sys.stderr)


def bold(text: str) -> str:
    """Return a text as a terminal shows it in bold."""
    return f"\x1b[1m{text}\x1b[0m"


def plain(text: str) -> str:
    """Return a text without `bold`."""
    return _ESCAPES.sub("", text)


def has_bar() -> bool:
    """Whether progress bars are shown: on standard error, if that is a terminal."""
    return sys.stderr.isatty()


def shows_bold() -> bool:
    """Whether standard output is a terminal where bold text is wanted; see no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def log_bold() -> None:
    """Show what is bold in messages on the console, where it can; all other logs are plain."""
    for handler in logging.getLogger().handlers:
        if _is_console(handler) and shows_bold():
            handler.setFormatter(BoldFormatter(handler.formatter))


class BoldFormatter(logging.Formatter):
    """Formats as another formatter does, and shows `extra={"styled": text}` in its place."""

    def __init__(self, other: logging.Formatter | None):
        super().__init__()
        self.other = other or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        return getattr(record, "styled", "") or self.other.format(record)


def short_duration(seconds: float) -> str:
    """Format a time with its unit: 0.4 s, 41 s, 9 min, 2.5 h."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 95:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def estimate(seconds: float) -> str:
    """Format an estimated time, with no more digits than are known: about 50 s, about 9 min."""
    if seconds < 15:
        return f"about {max(seconds, 1):.0f} s"
    return f"about {short_duration(round(seconds, -1) if seconds < 95 else seconds)}"
