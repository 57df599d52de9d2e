"""Templates of characters, drawn with font files large and clean, to be warped into images."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_zoo.printable import list_names
from gan_zoo.schema import ConfigError

# no font has this noncharacter, so that it is drawn as the font's sign for a missing glyph
_MISSING = "\U0010ffff"


def glyph_templates(alphabet: Sequence[str], fonts: Sequence[str], side: int) -> np.ndarray:
    """Draw every character in every font, uint8 (fonts, characters, side, side), white on black.

    Without fonts, uses Pillow's own. Raises ConfigError for a file that is no font, and for
    characters that a font lacks.
    """
    templates = np.zeros((max(1, len(fonts)), len(alphabet), side, side), np.uint8)
    for name, sheet in zip(fonts or [""], templates, strict=True):
        font = _open(name, size=side * 0.92)
        _check_coverage(font, name, alphabet)
        for i, character in enumerate(alphabet):
            sheet[i] = _draw(character, font, side)
    return templates


def _open(name: str, size: float) -> Any:
    if not name:
        return ImageFont.load_default(size)
    try:
        return ImageFont.truetype(name, size)
    except OSError as error:
        raise ConfigError("dataset.fonts", name, f"is no font file ({error})") from None


def _check_coverage(font: Any, name: str, alphabet: Sequence[str]) -> None:
    """Raise ConfigError naming the characters that a font lacks."""
    if missing := lacking(font, alphabet):
        listed = list_names([f"{c} (U+{ord(c):04X})" for c in missing], 5, " ")
        allowed = f"has no glyph for {listed}; name other font files with dataset.fonts"
        raise ConfigError("dataset.fonts", name or "Pillow's own font", allowed)


def lacking(font: Any, characters: Iterable[str]) -> list[str]:
    """Return the characters that a font draws as missing, or not at all."""
    missing_sign = _bitmap(font, _MISSING)
    return [c for c in characters if _bitmap(font, c) in (missing_sign, b"")]


def _bitmap(font: Any, character: str) -> bytes:
    """Return the pixels of a character, empty where there are none."""
    mask = font.getmask(character)
    return bytes(mask) if mask.getbbox() else b""


def _draw(character: str, font: Any, side: int) -> np.ndarray:
    """Draw a character, white in the middle of a black square, uint8 (side, side)."""
    canvas = Image.new("L", (side, side))
    box = font.getbbox(character)
    corner = [(side - box[i] - box[i + 2]) / 2 for i in range(2)]
    ImageDraw.Draw(canvas).text(corner, character, fill=255, font=font)
    return np.asarray(canvas)
