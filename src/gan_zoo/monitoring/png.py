"""Pictures as PNG files."""

import io
from typing import NamedTuple

import numpy as np


class Png(NamedTuple):
    """The content of a PNG file, and its size in pixels."""

    content: bytes
    height: int
    width: int


def encode(pixels: np.ndarray) -> Png:
    """A picture, uint8 (H, W, 3), as a file: quickly rather than as small as could be."""
    from PIL import Image  # imported by the thread that writes, while training begins

    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG", compress_level=1)
    return Png(encoded.getvalue(), *pixels.shape[:2])
