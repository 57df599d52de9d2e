"""Small files of every kind that the datasets read, made for the tests."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def encoded(pixels, kind="PNG", **options):
    """An image file's bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def encode():
    return encoded


@pytest.fixture(scope="session")
def noise():
    """A function from a shape to bytes that are the same in every run."""

    def draw(*shape, seed=0):
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    return draw


@pytest.fixture(scope="session")
def idx_bytes():
    """A function from an array of bytes to an idx file's content."""

    def write(array):
        sizes = struct.pack(f">{array.ndim}I", *array.shape)
        return b"\x00\x00\x08" + bytes([array.ndim]) + sizes + array.tobytes()

    return write


@pytest.fixture(scope="session")
def gnt_bytes():
    """A function from (character, image) pairs to a .gnt file's content."""

    def write(pairs):
        records = []
        for character, image in pairs:
            height, width = image.shape
            code = character.encode("gb2312").ljust(2, b"\0")
            header = struct.pack("<I2sHH", 10 + image.size, code, width, height)
            records.append(header + image.tobytes())
        return b"".join(records)

    return write


@pytest.fixture
def class_folders(tmp_path):
    """A folder of 2 classes of 8 images each; all pixels of image i of class c are 100 c + i."""
    root = tmp_path / "images"
    for label, name in enumerate(("apple", "pear")):
        for i in range(8):
            path = root / name / "deeper" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(np.full((10, 14, 3), 100 * label + i, np.uint8)))
    return root


@pytest.fixture(scope="session")
def real_mnist():
    """The root of the real MNIST, where it is beside the repository."""
    if not (SHARED / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
        pytest.skip(f"needs the real MNIST in {SHARED}")
    return str(SHARED)


@pytest.fixture(scope="session")
def real_cifar():
    """A zip of CIFAR-10 as JPEG files, where it is beside the repository."""
    path = SHARED / "cifar10_jpeg.zip"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    return path
