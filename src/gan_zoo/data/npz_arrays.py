"""The arrays of an .npz file, read without trusting what their headers announce."""

import contextlib
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from gan_zoo.schema import ConfigError

_RATIO = 1032  # deflate, which npz files may use, never shrinks further than this


class Header(NamedTuple):
    """Shape, memory order and type of an array."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    def __str__(self) -> str:
        return f"{self.dtype} of shape {'x'.join(map(str, self.shape)) or 'none'}"


class Arrays:
    """The arrays of one file by name: a header, or all of one, is read when it is asked for.

    Raises ConfigError for a damaged file, here and in each method.

    Attributes:
        names: of all arrays, sorted.
    """

    def __init__(self, path: Path):
        self.path = path
        with self._readable(), zipfile.ZipFile(path) as file:
            self._members = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
        self.names = sorted(self._members)

    def header(self, name: str) -> Header:
        """Header of an array; one that announces more than the file can hold is damaged."""
        info = self._members[name]
        with self._readable(name), zipfile.ZipFile(self.path) as file, file.open(info) as member:
            return _read_header(member, _RATIO * info.compress_size)

    def read(self, name: str) -> np.ndarray:
        """An array."""
        info = self._members[name]
        with self._readable(name), zipfile.ZipFile(self.path) as file, file.open(info) as member:
            return _read_array(member, _RATIO * info.compress_size)

    def refused(self, allowed: str) -> ConfigError:
        """The error that says what is wrong with the file."""
        return ConfigError("dataset.root", self.path, allowed)

    @contextlib.contextmanager
    def _readable(self, name: str = "") -> Iterator[None]:
        try:
            yield
        except Exception as error:  # zipfile and numpy raise anything on a damaged file
            reason = f"cannot be read ({type(error).__name__}: {error})"
            what = f"has an array {name} that {reason}" if name else reason
            raise self.refused(what) from None


def _read_header(file: IO[bytes], most: int) -> Header:
    """The header of an .npy file of at most so many bytes. Raises ValueError for any other."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0}
    readers[2, 0] = np.lib.format.read_array_header_2_0
    version = np.lib.format.read_magic(file)
    if version not in readers:
        raise ValueError(f"unknown version {version} of the .npy format")
    header = Header(*readers[version](file))
    if header.dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded; save numbers or texts")
    size = math.prod(header.shape) * header.dtype.itemsize
    if min(header.shape, default=0) < 0 or size > most:
        raise ValueError(f"announces {header}, more than the file can hold")
    return header


def _read_array(file: IO[bytes], most: int) -> np.ndarray:
    """The array of an .npy file. Raises ValueError where its size is not what it announces."""
    shape, fortran, dtype = header = _read_header(file, most)
    flat = np.empty(math.prod(shape), dtype)
    read = file.readinto(flat.data.cast("B"))  # type: ignore[attr-defined]
    if read != flat.nbytes or file.read(1):
        raise ValueError(f"holds other than the {flat.nbytes} bytes that {header} needs")
    return flat.reshape(shape, order="F" if fortran else "C")
