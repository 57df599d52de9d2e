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
# EPS: Pillow would start another program, Ghostscript, on the user's file; the others hold
# measurements, films or drawings, most of which Pillow only recognizes
_REFUSED = {"EPS", "BUFR", "FITS", "GRIB", "HDF5", "IPTC", "MPEG", "PCD", "WMF"}
# endings of pictures, for which a message says that they are not used
_PICTURES = (
    *(".avif", ".heic", ".heics", ".heif", ".hif", ".jp2", ".jxl", ".jxr", ".qoi", ".wdp", ".webp"),
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".kdc", ".mrw", ".nef", ".nrw"),
    *(".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
    *(".ai", ".emf", ".eps", ".pdf", ".ps", ".svg", ".wmf", ".psb", ".psd", ".xcf"),
    *(".dcm", ".exr", ".fit", ".fits", ".hdr", ".pcd"),
)


class UnknownRangeError(ValueError):
    """An image whose pixels can be read, but not which of their values is white."""


@dataclasses.dataclass(frozen=True)
class ImageTransform:
    """What becomes of an image: its EXIF turn is made, transparency laid on white, then the fit.

    Attributes:
        size: side of the square in pixels.
        channels: 1 for gray, 3 for color.
        fit: crop, pad or stretch; scaling is Lanczos, with an antialiasing support.
        peaks: largest pixel value, 0 to 65535, of each image of 16 bits that was decoded.
    """

    size: int
    channels: int
    fit: str
    peaks: list[int] = dataclasses.field(default_factory=list, compare=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of what `decode` returns."""
        return self.channels, self.size, self.size

    def decode(self, content: bytes) -> np.ndarray:
        """The first picture of an image file, uint8 (channels, size, size).

        Raises UnknownRangeError where the range of the pixels is not known, and whatever Pillow
        raises where the bytes are no complete image that it reads.
        """
        with Image.open(io.BytesIO(content), formats=_readable()) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or float("inf")):
                raise ValueError(f"is too large: {image.width} x {image.height} pixels")
            raw = _raw_mode(image)
            # a large JPEG is decoded at 1/2, 1/4 or 1/8, still twice the size that is wanted
            image.draft(None, (2 * self.size, 2 * self.size))
            ImageOps.exif_transpose(image, in_place=True)
            plain = _eight_bits(image, raw)
            if "16" in raw:
                self.peaks.append(_peak(image))
            return self.fitted(_opaque(plain))

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
def unreadable_suffixes() -> tuple[str, ...]:
    """Endings of the names of pictures that this Pillow does not read, such as .heic."""
    return tuple(suffix for suffix in _PICTURES if suffix not in suffixes())


@cache
def _readable() -> tuple[str, ...]:
    Image.init()
    known = [name for name in Image.OPEN if name not in _REFUSED]
    return tuple(sorted(known, key=lambda name: name not in _FIRST))


def _raw_mode(image: Image.Image) -> str:
    """How the file stores pixels, such as I;16B, where Pillow has not decoded them yet."""
    if not image.tile:
        return ""
    if image.mode.startswith("I") and image.format == "PPM":
        return "I;16"  # Pillow scales whatever range the header states to 16 bits
    arguments = image.tile[0][3]
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return raw if isinstance(raw, str) and ";" in raw else image.mode


def _peak(image: Image.Image) -> int:
    """Largest value of a pixel, 0 to 65535; of colors only the upper 8 bits are known."""
    if image.mode.startswith("I"):
        return int(np.asarray(image).max())
    ranges = zip(image.getbands(), np.atleast_2d(image.getextrema()), strict=True)
    return max(int(high) for band, (_, high) in ranges if band not in ("A", "a")) << 8 | 255


def _eight_bits(image: Image.Image, raw: str) -> Image.Image:
    """Gray images of 16 bits by their upper 8, where Pillow would clip them; others as they are.

    Raises UnknownRangeError for floating-point pixels, signed integers and those of 32 bits.
    """
    if image.mode == "F":
        raise UnknownRangeError("has floating-point pixels, whose range is not known")
    if not image.mode.startswith("I"):
        return image
    if "16S" in raw or "16BS" in raw:
        raise UnknownRangeError("has signed 16-bit pixels, whose range is not known")
    if "16" not in raw and "12" not in raw:
        raise UnknownRangeError("has 32-bit integer pixels, whose range is not known")
    shift = 4 if "12" in raw else 8
    return Image.fromarray((np.asarray(image).clip(0, 65535) >> shift).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    """The image on white paper, if it is transparent anywhere."""
    if not image.has_transparency_data:
        return image
    above = image.convert("RGBA")
    paper = Image.new("RGBA", above.size, "white")
    paper.alpha_composite(above)
    return paper.convert("RGB")
