"""The .gnt format of CASIA's offline handwriting databases: labeled gray images in a row.

Each record is its own size in bytes (4 bytes), the GB code of the character (2 bytes, the first
one first), width and height in pixels (2 bytes each), then the pixels by rows, 255 for paper. Sizes
are little-endian. Source: the databases' description, Liu et al., ICDAR 2011.
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

_HEADER = struct.Struct("<I2sHH")
_LARGEST = 1024  # pixels of a side; the databases' largest characters have some 300


class Record(NamedTuple):
    """One character: its GB code of two bytes, and its image uint8 (height, width)."""

    code: bytes
    image: np.ndarray


class GntError(ValueError):
    """What is wrong with a .gnt file, and at which byte."""


def read_gnt(path: Path) -> Iterator[Record]:
    """The characters of a file, in order.

    Raises GntError at the first byte where the file is not what the format says.
    """
    content, at = _mapped(path), 0
    while at < len(content):
        if len(content) - at < _HEADER.size:
            raise GntError(f"ends at byte {len(content)}, within the record that starts at {at}")
        size, code, width, height = _HEADER.unpack_from(content, at)
        if not 0 < width <= _LARGEST or not 0 < height <= _LARGEST:
            raise GntError(f"has a character of {width} x {height} pixels at byte {at}")
        if size != _HEADER.size + width * height:
            due = _HEADER.size + width * height
            raise GntError(f"has a record of {size} bytes at byte {at}, where {due} are due")
        if at + size > len(content):
            raise GntError(f"ends at byte {len(content)}, within the record that starts at {at}")
        pixels = np.frombuffer(content[at + _HEADER.size : at + size], np.uint8)
        yield Record(code, pixels.reshape(height, width))
        at += size


def _mapped(path: Path) -> memoryview:
    """The bytes of a file, mapped: whoever wants the codes alone need not read the pixels."""
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise GntError(f"cannot be read ({error})") from None


def is_level_1(code: bytes) -> bool:
    """Whether a code is one of the 3755 Chinese characters of GB2312's first level."""
    row, cell = code[0] - 0xA0, code[1] - 0xA0
    return 16 <= row <= 55 and 1 <= cell <= (89 if row == 55 else 94)
