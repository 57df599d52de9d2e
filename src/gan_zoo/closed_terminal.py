"""A terminal that is closed, or whose connection is lost, while a program writes to it."""

import errno
import io
import os
import sys

_GONE = (errno.EIO, errno.ENXIO)


def drop_closed_terminal() -> None:
    """Write to nothing from now on where standard output or error is a terminal that is gone."""
    for output in (1, 2):
        try:
            os.get_terminal_size(output)
        except OSError as error:
            if error.errno in _GONE:
                os.dup2(os.open(os.devnull, os.O_WRONLY), output)


def outlive_terminal() -> None:
    """Let standard output and error do without their terminal once it is gone.

    A shell does not tell a command of it that it has disowned: what the command prints next fails.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper) or not stream.isatty():
            continue
        raw = getattr(stream.buffer, "raw", stream.buffer)  # without a buffer: `python -u`
        if type(raw) is io.FileIO:
            stream.flush()
            terminal = _Terminal(raw.fileno(), "w", closefd=False)
            new = io.TextIOWrapper(
                terminal if stream.buffer is raw else io.BufferedWriter(terminal),
                encoding=stream.encoding,
                errors=stream.errors,
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, new)


class _Terminal(io.FileIO):
    """A terminal that a program writes to; what it writes is lost once the terminal is gone."""

    def write(self, data: bytes) -> int | None:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            drop_closed_terminal()
            return super().write(data)
