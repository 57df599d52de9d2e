"""The idx format of MNIST: two zeros, type, number of dimensions, sizes (big-endian), data."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from gan_zoo.schema import ConfigError

_BYTES = b"\x00\x00\x08"  # the type code of unsigned bytes is 8


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """An idx file of bytes, plain or gzipped, as an array uint8 of that many dimensions.

    Raises ConfigError for a file that is not of this form, or whose length is not what it says.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    head = 4 + 4 * dimensions
    try:
        with opened(path, "rb") as file:
            start = file.read(head)
            if start[:4] != _BYTES + bytes([dimensions]) or len(start) < head:
                raise _refused(path, f"is no idx file of bytes in {dimensions} dimensions")
            sizes = np.frombuffer(start[4:], ">u4").tolist()
            # never more than the file has: a damaged size may ask for terabytes
            content = bytearray()
            while len(content) <= math.prod(sizes) and (part := file.read(1 << 24)):
                content += part
    except (OSError, EOFError, zlib.error) as error:
        raise _refused(path, f"cannot be read ({error})") from None
    if len(content) != math.prod(sizes):
        shown = "x".join(map(str, sizes))
        raise _refused(path, f"has {len(content)} bytes of data, or more, where {shown} are due")
    return np.frombuffer(content, np.uint8).reshape(sizes)


def _refused(path: Path, allowed: str) -> ConfigError:
    return ConfigError("dataset.root", path, allowed)
