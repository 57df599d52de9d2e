"""Samples as one picture: tiles for images, a scatter plot for points."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from gan_zoo.data.samples import to_bytes


def tile(x: Tensor, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """Images (N, 1 or 3, H, W) in [-1, 1] as rows of a grid, uint8 (height, width, 3).

    Without `columns` the grid is as square as N allows.
    """
    images = to_bytes(x.detach().cpu()).permute(0, 2, 3, 1).numpy()
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    canvas = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 64, np.uint8)
    for i, image in enumerate(images):
        top = gap + i // columns * (height + gap)
        left = gap + i % columns * (width + gap)
        canvas[top : top + height, left : left + width] = image if channels == 3 else image[..., :1]
    return canvas


def scatter(
    x: Tensor, centres: Sequence[Sequence[float]], sigma: float, side: int = 512
) -> np.ndarray:
    """Points (N, 2) over the modes of a mixture (circles of 3 sigma), uint8 (side, side, 3).

    The frame holds the modes with a margin; points outside it are drawn at its edge.
    """
    extent = 1.35 * max(abs(value) for centre in centres for value in centre) + 3 * sigma
    scale = 4  # drawn larger and reduced, for smooth edges
    canvas = Image.new("RGB", (side * scale, side * scale), "white")
    draw = ImageDraw.Draw(canvas)

    def pixels(values: np.ndarray) -> np.ndarray:
        flipped = values * [1, -1]  # y upwards
        return (np.clip(flipped / extent, -0.99, 0.99) + 1) / 2 * side * scale

    radius = max(3 * sigma / extent / 2 * side, 6) * scale
    for u, v in pixels(np.asarray(centres)):
        draw.ellipse((u - radius, v - radius, u + radius, v + radius), outline="#d62728", width=6)
    dot = 1.5 * scale
    for u, v in pixels(x.detach().cpu().double().numpy()):
        draw.ellipse((u - dot, v - dot, u + dot, v + dot), fill="#1f77b4")
    return np.asarray(canvas.resize((side, side), Image.Resampling.BOX))
