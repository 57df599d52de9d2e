"""Decoding of images of any format to arrays of one size."""

import dataclasses
import io
from functools import cache

import numpy as np
from PIL import Image, ImageOps

_RESAMPLING = Image.Resampling.LANCZOS
_FIRST = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM")  # tried first: each trial takes a while
# EPS: Pillow would start another program, Ghostscript, on the user's file; the others hold
# measurements, films or drawings, most of which Pillow only recognizes
_REFUSED = {"EPS", "BUFR", "FITS", "GRIB", "HDF5", "IPTC", "MPEG", "PCD", "WMF"}
# suffixes of images, for messages on those that this Pillow cannot read
_KNOWN = (
    *(".avif", ".heic", ".heics", ".heif", ".hif", ".jp2", ".jxl", ".jxr", ".qoi", ".wdp", ".webp"),
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".kdc", ".mrw", ".nef", ".nrw"),
    *(".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
    *(".ai", ".emf", ".eps", ".pdf", ".ps", ".svg", ".wmf", ".psb", ".psd", ".xcf"),
    *(".dcm", ".exr", ".fit", ".fits", ".hdr", ".pcd"),
)


class UnknownRangeError(ValueError):
    """An image whose pixels can be read, but whose value of white is unknown."""


@dataclasses.dataclass(frozen=True)
class ImageTransform:
    """The transform of an image: EXIF rotation, transparency on white, then the fit.

    Attributes:
        size: side of the square in pixels.
        channels: 1 for gray, 3 for color.
        fit: crop, pad or stretch; scaling is Lanczos, with an antialiasing support.
        peaks: largest pixel value, 0 to 65535, of each decoded image of 16 bits.
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
        """Decode the first image of a file, uint8 (channels, size, size).

        Raises UnknownRangeError where the range of the pixels is unknown, and whatever Pillow
        raises for damaged or unknown files.
        """
        with Image.open(io.BytesIO(content), formats=_readable()) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or float("inf")):
                raise ValueError(f"is too large: {image.width} x {image.height} pixels")
            raw = _raw_mode(image)
            # decodes a large JPEG at 1/2, 1/4 or 1/8, at least twice the final size
            image.draft(None, (2 * self.size, 2 * self.size))
            ImageOps.exif_transpose(image, in_place=True)
            plain = _eight_bits(image, raw)
            if "16" in raw and not raw.startswith("BGR;"):  # which packs a pixel into 16 bits
                self.peaks.append(_peak(image))
            return self.fitted(_opaque(plain))

    def fitted(self, image: Image.Image) -> np.ndarray:
        """Transform an image in memory, uint8 (channels, size, size)."""
        if image.mode == "LAB":  # which Pillow converts to RGB only
            image = image.convert("RGB")
        plain = image.convert("L" if self.channels == 1 else "RGB")
        shape = (self.size, self.size)
        if self.fit == "crop":  # scaled to cover the square, the middle cut out
            square = ImageOps.fit(plain, shape, _RESAMPLING)
        elif self.fit == "pad":  # scaled to lie inside the square, the rest black
            longest = max(plain.size)
            if round(min(plain.size) / longest * self.size) == 0:  # Pillow would leave no pixel
                line = (self.size if side == longest else 1 for side in plain.size)
                plain = plain.resize(tuple(line), _RESAMPLING)
            square = ImageOps.pad(plain, shape, _RESAMPLING)
        else:  # both sides scaled independently
            square = plain.resize(shape, _RESAMPLING)
        pixels = np.asarray(square).reshape(*shape, self.channels)
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))


@cache
def suffixes() -> tuple[str, ...]:
    """Return the suffixes of files that Pillow may be able to read, such as .jpg."""
    known = Image.registered_extensions().items()
    return tuple(suffix for suffix, name in known if name in _readable())


@cache
def unreadable_suffixes() -> tuple[str, ...]:
    """Return the suffixes of images that this Pillow cannot read, such as .heic."""
    return tuple(suffix for suffix in _KNOWN if suffix not in suffixes())


@cache
def _readable() -> tuple[str, ...]:
    Image.init()
    known = [name for name in Image.OPEN if name not in _REFUSED]
    return tuple(sorted(known, key=lambda name: name not in _FIRST))


def _raw_mode(image: Image.Image) -> str:
    """Return how the file stores pixels, such as I;16B, before Pillow decodes them."""
    if not image.tile:
        return ""
    if image.mode.startswith("I") and image.format == "PPM":
        return "I;16"  # Pillow scales whatever range the header states to 16 bits
    arguments = image.tile[0][3]
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return raw if isinstance(raw, str) and ";" in raw else image.mode


def _peak(image: Image.Image) -> int:
    """Return the largest value of a pixel, 0 to 65535; colors have only their upper 8 bits."""
    if image.mode.startswith("I"):
        return int(np.asarray(image).max())
    ranges = zip(image.getbands(), np.atleast_2d(image.getextrema()), strict=True)
    return max(int(high) for band, (_, high) in ranges if band not in ("A", "a")) << 8 | 255


def _eight_bits(image: Image.Image, raw: str) -> Image.Image:
    """Reduce gray images of 16 bits to their upper 8, which Pillow would clip; keep others.

    Transparent pixels stay so, of colors also those that Pillow cannot tell from them.

    Raises UnknownRangeError for floating-point pixels, signed integers and those of 32 bits.
    """
    if image.mode == "F":
        raise UnknownRangeError("has floating-point pixels, whose range is not known")
    transparent = image.info.get("transparency")
    if not image.mode.startswith("I"):
        if "16" in raw and isinstance(transparent, tuple):  # Pillow keeps the upper 8 of a color
            image.info["transparency"] = tuple(value >> 8 for value in transparent)
        return image
    if "16S" in raw or "16BS" in raw:
        raise UnknownRangeError("has signed 16-bit pixels, whose range is not known")
    if "16" not in raw and "12" not in raw:
        raise UnknownRangeError("has 32-bit integer pixels, whose range is not known")
    shift = 4 if "12" in raw else 8
    values = np.asarray(image).clip(0, 65535)
    plain = Image.fromarray((values >> shift).astype(np.uint8))
    if transparent is not None:
        plain.putalpha(Image.fromarray(255 * (values != transparent).astype(np.uint8)))
    return plain


def _opaque(image: Image.Image) -> Image.Image:
    """Put a transparent image on white."""
    if not image.has_transparency_data:
        return image
    foreground = image.convert("RGBA")
    canvas = Image.new("RGBA", foreground.size, "white")
    canvas.alpha_composite(foreground)
    return canvas.convert("RGB")
