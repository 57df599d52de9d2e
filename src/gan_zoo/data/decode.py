"""Encoded images of any format as arrays of one size."""

import dataclasses
import io
from functools import cache

import numpy as np
from PIL import Image, ImageOps

_MODES = {1: "L", 3: "RGB"}
_RESAMPLING = Image.Resampling.LANCZOS
_FITS = {
    # scaled to cover the square, the middle cut out
    "crop": lambda image, side: ImageOps.fit(image, side, _RESAMPLING),
    # scaled to lie inside the square, the rest black
    "pad": lambda image, side: ImageOps.pad(image, side, _RESAMPLING),
    # both sides scaled, each for itself
    "stretch": lambda image, side: image.resize(side, _RESAMPLING),
}
_FIRST = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM")  # tried first: each trial takes a while
_REFUSED = {"EPS"}  # Pillow would start another program, Ghostscript, on the user's file


@dataclasses.dataclass(frozen=True)
class Policy:
    """What becomes of an image: its EXIF turn is made, transparency laid on white, then the fit.

    Attributes:
        size: side of the square in pixels.
        channels: 1 for grey, 3 for colour.
        fit: crop, pad or stretch; scaling is Lanczos, with an antialiasing support.
    """

    size: int
    channels: int
    fit: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of what `decode` returns."""
        return self.channels, self.size, self.size

    def decode(self, content: bytes) -> np.ndarray:
        """The first picture of an image file, uint8 (channels, size, size).

        Raises whatever Pillow raises where the bytes are no complete image that it reads.
        """
        with Image.open(io.BytesIO(content), formats=_readable()) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or float("inf")):
                raise ValueError(f"is too large: {image.width} x {image.height} pixels")
            # a large JPEG is decoded at 1/2, 1/4 or 1/8, still twice the size that is wanted
            image.draft(None, (2 * self.size, 2 * self.size))
            ImageOps.exif_transpose(image, in_place=True)
            return self.fitted(_opaque(_eight_bits(image)))

    def fitted(self, image: Image.Image) -> np.ndarray:
        """An image in memory by the same rules, uint8 (channels, size, size)."""
        plain = image.convert(_MODES[self.channels])
        square = _FITS[self.fit](plain, (self.size, self.size))
        pixels = np.asarray(square).reshape(self.size, self.size, self.channels)
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))


@cache
def suffixes() -> tuple[str, ...]:
    """Endings of the names of files that Pillow may be able to read, such as .jpg."""
    known = Image.registered_extensions().items()
    return tuple(suffix for suffix, name in known if name in _readable())


@cache
def _readable() -> tuple[str, ...]:
    Image.init()
    known = [name for name in Image.OPEN if name not in _REFUSED]
    return tuple(sorted(known, key=lambda name: name not in _FIRST))


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey images of 16 bits by their upper 8, where Pillow would clip them; others as they are."""
    if image.mode == "F":
        raise ValueError("has floating-point pixels, whose range is not known")
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    """The image on white paper, if it is transparent anywhere."""
    if not image.has_transparency_data:
        return image
    above = image.convert("RGBA")
    paper = Image.new("RGBA", above.size, "white")
    paper.alpha_composite(above)
    return paper.convert("RGB")
