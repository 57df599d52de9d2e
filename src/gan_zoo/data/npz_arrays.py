"""The images and labels of an .npz file, found and read without trusting its headers."""

import contextlib
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from gan_zoo.data.npz_rewrite import guess_names, rewrite_hint
from gan_zoo.printable import list_names, printable
from gan_zoo.schema import ConfigError

_NAMES = {
    "x": ("x", "x_train"),
    "y": ("y", "y_train"),
    "x_test": ("x_test",),
    "y_test": ("y_test",),
}
_LISTED = 10  # arrays named in a message
_LARGEST = 1 << 16  # numbers beyond it, and beyond the number of images, are no classes
_RATIO = 1032  # deflate, which npz files may use, never shrinks further than this


class Header(NamedTuple):
    """Shape, memory order and type of an array."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    def __str__(self) -> str:
        return f"{self.dtype} of shape {'x'.join(map(str, self.shape)) or 'none'}"


class Arrays:
    """The arrays of one file by name, read when needed.

    Raises ConfigError for a damaged file, here and in each method.

    Attributes:
        names: of all arrays, sorted.
    """

    def __init__(self, path: Path):
        self.path = path
        with self._reading(), zipfile.ZipFile(path) as file:
            members = file.infolist()
        self._members = {info.filename.removesuffix(".npy"): info for info in members}
        if members and not any(info.filename.endswith(".npy") for info in members):
            allowed = "holds files, but no arrays; a zip file of images is for dataset=image_folder"
            raise self.error(allowed)
        self.names = sorted(self._members)

    def header(self, name: str) -> Header:
        """Read an array's header; one that announces more than the file can hold is damaged."""
        with self._reading(name), self._open(name) as member:
            return _read_header(member, _RATIO * self._members[name].compress_size)

    def read(self, name: str) -> np.ndarray:
        """Read an array."""
        self.header(name)  # before memory is allocated for what it announces
        with self._reading(name), self._open(name) as member:
            array = np.lib.format.read_array(member, allow_pickle=False)
            if member.read(1):
                raise ValueError("it holds more bytes than its header announces")
            return array

    def error(self, allowed: str) -> ConfigError:
        """Return the error that names this file."""
        return ConfigError("dataset.root", self.path, allowed)

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        with zipfile.ZipFile(self.path) as file, file.open(self._members[name]) as member:
            yield member

    @contextlib.contextmanager
    def _reading(self, name: str = "") -> Iterator[None]:
        try:
            yield
        except Exception as error:  # zipfile and numpy raise anything on a damaged file
            reason = f"cannot be read ({type(error).__name__}: {error})"
            raise self.error(f"has an array {name} that {reason}" if name else reason) from None


def _read_header(file: IO[bytes], most: int) -> Header:
    """Read the header of an .npy file of at most `most` bytes. Raises ValueError for any other."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        header = Header(*np.lib.format.read_array_header_1_0(file))
    elif version == (2, 0):
        header = Header(*np.lib.format.read_array_header_2_0(file))
    else:
        raise ValueError(f"unknown version {version} of the .npy format")
    if header.dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded; save numbers or texts")
    size = math.prod(header.shape) * header.dtype.itemsize
    if min(header.shape, default=0) < 0 or size > most:
        raise ValueError(f"announces {header}, more than the file can hold")
    return header


def find_arrays(arrays: Arrays) -> dict[str, str]:
    """Find the file's name for each of x, y, x_test and y_test, where it has one.

    Raises ConfigError where one is missing, or they do not fit together.
    """
    found = {key: [n for n in names if n in arrays.names] for key, names in _NAMES.items()}
    for both in found.values():
        if len(both) > 1:
            raise arrays.error(f"holds {' and '.join(both)}, of which one can be used")
    names = {key: present[0] for key, present in found.items() if present}
    if "x" not in names:
        listed = list_names(arrays.names, _LISTED) or "nothing"
        hint = rewrite_hint(arrays, guess_names(arrays)) or "; its images must be called x"
        raise arrays.error(f"holds {listed}, but no x{hint}")
    _check_pairs(arrays, names)
    _check_images(arrays, names)
    for key in [key for key in ("y", "y_test") if key in names]:
        _check_labels(arrays, names, key)
    return names


def _check_pairs(arrays: Arrays, names: Mapping[str, str]) -> None:
    """Raise ConfigError for labels without images, or labels of one split alone."""
    if "x_test" not in names and "y_test" not in names:
        return
    if "x_test" not in names:
        problem, excluded = "has y_test, but no x_test", "y_test"
    elif "y" in names and "y_test" not in names:
        problem = f"has labels {names['y']} for {names['x']}, but no y_test for x_test"
        excluded = "x_test"
    elif "y_test" in names and "y" not in names:
        problem = f"has labels y_test for x_test, but no y for {names['x']}"
        excluded = "y_test"
    else:
        return
    kept = {key: name for key, name in names.items() if key != excluded}
    raise arrays.error(f"{problem}; add it, or remove {excluded}{rewrite_hint(arrays, kept)}")


def _check_images(arrays: Arrays, names: Mapping[str, str]) -> None:
    """Raise ConfigError for arrays that are not images of one shape."""
    shapes = []
    for name in [names[key] for key in ("x", "x_test") if key in names]:
        header = arrays.header(name)
        if len(header.shape) == 3 and header.shape[2] in (3, 4) and header.shape[1] > 4:
            problem = f"has an {name} of {header}, one image in color; save several: (N, H, W, 3)"
            raise arrays.error(problem)
        if header.dtype != "uint8" or not image_shape(header.shape):
            problem = f"has an {name} of {header}, not bytes (N, H, W[, 1 or 3])"
            raise arrays.error(problem + rewrite_hint(arrays, names))
        if not header.shape[0]:
            raise arrays.error(f"holds 0 images in {name}; remove empty arrays")
        shapes.append("x".join(map(str, image_shape(header.shape))))
    if len({*shapes}) > 1:
        both = " and test images ".join(shapes)
        raise arrays.error(f"images are {both} (x_test); both must have one shape")


def _check_labels(arrays: Arrays, names: Mapping[str, str], key: str) -> None:
    """Raise ConfigError unless an array has one integer or text for each image."""
    header, images = arrays.header(names[key]), names[key.replace("y", "x")]
    count = arrays.header(images).shape[0]
    if header.shape in ((count,), (count, 1)) and header.dtype.kind in "biuU":
        return
    problem = f"has a {names[key]} of {header}, not one integer or text for each of the {count}"
    hint = rewrite_hint(arrays, names) if header.shape[:1] == (count,) else ""
    raise arrays.error(f"{problem} images in {images}{hint}")


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return channels, height and width for any of the three layouts; empty for no images."""
    if 0 in shape[1:]:
        return ()
    if len(shape) == 3:
        return 1, *shape[1:]
    if len(shape) == 4 and shape[1] in (1, 3):
        return shape[1:]
    return (shape[3], *shape[1:3]) if len(shape) == 4 and shape[3] in (1, 3) else ()


def read_labels(
    arrays: Arrays, names: Mapping[str, str]
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Read the names of the classes that occur, in order, and labels int64 (N,) of y and y_test.

    A class is named by its number or text, with unprintable characters escaped. Raises ConfigError
    for numbers that are no classes.
    """
    keys = [key for key in ("y", "y_test") if key in names]
    if not keys:
        return [], {}
    raw = [arrays.read(names[key]).reshape(-1) for key in keys]
    raw = [y if y.dtype.kind == "U" else _class_numbers(y, arrays) for y in raw]
    found, indices = np.unique(np.concatenate(raw), return_inverse=True)
    ends = np.cumsum([len(y) for y in raw])[:-1]
    labels = np.split(indices.reshape(-1).astype(np.int64), ends)
    return [printable(str(name)) for name in found.tolist()], dict(zip(keys, labels, strict=True))


def _class_numbers(y: np.ndarray, arrays: Arrays) -> np.ndarray:
    """Return numbers of classes as int64."""
    lowest, highest = int(y.min()), int(y.max())
    if lowest < 0:
        raise arrays.error(f"has labels {lowest} to {highest}; they must be 0 or more")
    if highest > max(_LARGEST, len(y)):
        allowed = f"has labels up to {highest} for {len(y)} images: too large for classes"
        raise arrays.error(allowed)
    return y.astype(np.int64)
