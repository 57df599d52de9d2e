"""Plots of samples: a grid of images, or a scatter plot of points."""

import math
import unicodedata
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gan_zoo.data.fonts import lacking
from gan_zoo.data.loader import to_bytes

GAP, GRAY = 2, 64  # the frame of the tiles of a grid
_DARK, _MARGIN = 24, 4  # background of the row names, and pixels around them
_SMALLEST, _LARGEST, _WIDEST = 8, 14, 120  # size of their font, and pixels of a name


def image_grid(x: Tensor, columns: int | None = None) -> np.ndarray:
    """Arrange images (N, 1 or 3, H, W) in [-1, 1] in a grid by rows, uint8 (height, width, 3).

    Without `columns` the grid is as square as N allows.
    """
    images = to_bytes(x.detach().cpu()).permute(0, 2, 3, 1).numpy()
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    shape = (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3)
    canvas = np.full(shape, GRAY, np.uint8)
    for i, image in enumerate(images):
        top = GAP + i // columns * (height + GAP)
        left = GAP + i % columns * (width + GAP)
        canvas[top : top + height, left : left + width] = image if channels == 3 else image[..., :1]
    return canvas


def label_rows(grid: np.ndarray, rows: Sequence[str]) -> np.ndarray:
    """Add the names of a grid's rows in a dark column on its left, uint8 (height, width, 3).

    The column is as wide as the longest name, up to a limit; without names there is none.
    """
    if not any(rows):
        return grid
    height, pitch = len(grid), (len(grid) - GAP) / len(rows)
    font = ImageFont.load_default(max(_SMALLEST, min(_LARGEST, pitch - GAP)))
    names = [_shorten(name, font) for name in rows]
    width = math.ceil(max(map(font.getlength, names))) + 2 * _MARGIN
    column = Image.new("RGB", (width, height), (_DARK,) * 3)
    draw = ImageDraw.Draw(column)
    for i, name in enumerate(names):
        position = (width - _MARGIN, GAP + (i + 0.5) * pitch - GAP / 2)
        draw.text(position, name, "white", font, anchor="rm")
    return np.concatenate([np.asarray(column), grid], 1)


def _shorten(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Return the beginning of a name that fits, replacing characters that the font lacks."""
    shown = "".join(_drawable(character, font) for character in name)
    if font.getlength(shown) <= _WIDEST:
        return shown
    while font.getlength(f"{shown}...") > _WIDEST:
        shown = shown[:-1]
    return f"{shown}..."


def _drawable(character: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Return a character, or a letter without its accent, or a number such as U+554A."""
    for shown in (character, unicodedata.normalize("NFKD", character)[0]):
        if shown.isspace() or not lacking(font, shown):
            return shown
    return f"U+{ord(character):04X}"


def plot_points(x: Tensor, centers: Sequence[Sequence[float]], sigma: float) -> np.ndarray:
    """Plot points (N, 2) over a mixture's modes (circles of 3 sigma), uint8 (512, 512, 3).

    The frame holds the modes with a margin; points outside it are drawn at its edge.
    """
    extent = plot_extent(centers, sigma)
    side, scale = 512, 4  # drawn larger and reduced, for smooth edges
    canvas = Image.new("RGB", (side * scale, side * scale), "white")
    draw = ImageDraw.Draw(canvas)

    def pixels(values: np.ndarray) -> np.ndarray:
        flipped = values * [1, -1]  # y upwards
        return (np.clip(flipped / extent, -0.99, 0.99) + 1) / 2 * side * scale

    radius = max(3 * sigma / extent / 2 * side, 6) * scale
    for u, v in pixels(np.asarray(centers)):
        draw.ellipse((u - radius, v - radius, u + radius, v + radius), outline="#d62728", width=6)
    dot = 1.5 * scale
    for u, v in pixels(x.detach().cpu().double().numpy()):
        draw.ellipse((u - dot, v - dot, u + dot, v + dot), fill="#1f77b4")
    return np.asarray(canvas.reduce(scale))


def plot_extent(centers: Sequence[Sequence[float]], sigma: float) -> float:
    """Return half the side of a square around the origin that contains all modes and a margin."""
    return 1.35 * max(abs(value) for center in centers for value in center) + 3 * sigma
