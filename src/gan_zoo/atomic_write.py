"""Files that are written whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` once the block has succeeded.

    A crash at any moment leaves the old file or the new one. Creates the folder if need be; where
    the block or the disk fails, deletes the temporary file and raises what was raised.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # threads, processes and machines may write at once
    partial = path.with_name(f"{path.name}.{os.urandom(4).hex()}.partial")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:  # as of a full disk
            error.filename = str(path)
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Replace a file by a text in UTF-8; what UTF-8 cannot encode is escaped, as in JSON."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))
