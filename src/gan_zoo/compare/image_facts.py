"""What a folder or file of images tells before training: which dataset reads it, at which size."""

import dataclasses
import io
import statistics
import zipfile
from pathlib import Path

from gan_zoo.data.sources import Source, open_source
from gan_zoo.schema import ConfigError

_SAMPLED = 64  # images that are opened
_NO_COLOR = 8  # difference of the channels, of 255, that JPEG may give to a gray image
SIDES = (32, 64)  # the feature network of the metrics sees 32 pixels; 64 is the most a CPU trains
_LEAST_SIDE = 16
_HELD_OUT = 200  # images wanted for the evaluation
_LARGEST_SHARE = 0.25  # of all images; the rest is needed for training
_DEFAULT_SHARE = 0.1


@dataclasses.dataclass(frozen=True)
class ImageFacts:
    """Facts about some of the images.

    Attributes:
        sizes: width and height in pixels of each.
        gray: whether none has color.
    """

    sizes: tuple[tuple[int, int], ...]
    gray: bool

    @property
    def equal_squares(self) -> bool:
        """Whether all are squares of one size."""
        return len({*self.sizes}) == 1 and self.sizes[0][0] == self.sizes[0][1]

    @property
    def size_range(self) -> str:
        """The size, or the smallest and the largest, such as 32x24 to 640x480 pixels."""
        ordered = sorted(self.sizes, key=lambda size: size[0] * size[1])
        names = dict.fromkeys(f"{width}x{height}" for width, height in (ordered[0], ordered[-1]))
        return " to ".join(names) + " pixels"


def choose_dataset(root: Path) -> str:
    """Return the name of the dataset that reads a root: npz or image_folder.

    For a root that neither can read, the latter, whose error says what is wrong.
    """
    if root.suffix.lower() == ".npz":
        return "npz"
    if not zipfile.is_zipfile(root):
        return "image_folder"
    with zipfile.ZipFile(root) as archive:
        arrays = [name for name in archive.namelist() if name in ("x.npy", "x_train.npy")]
    return "npz" if arrays else "image_folder"


def read_image_facts(root: Path) -> ImageFacts | None:
    """Open images spread evenly over a folder or zip file; None where none can be read."""
    from gan_zoo.data.image_decoding import suffixes

    source = open_source(root, suffixes())
    count, total = min(_SAMPLED, len(source.names)), len(source.names)
    found = [_look(source, source.names[i * total // count]) for i in range(count)]
    known = [each for each in found if each is not None]
    if not known:
        return None
    return ImageFacts(tuple(size for size, _ in known), all(gray for _, gray in known))


def _look(source: Source, name: str) -> tuple[tuple[int, int], bool] | None:
    """Return size and grayness of an image; None for one that cannot be read."""
    from PIL import Image, ImageChops

    try:
        with Image.open(io.BytesIO(source.read(name))) as image:
            size = image.size
            image.draft("RGB", (64, 64))  # decodes a large JPEG at 1/8 of its size
            small = image.convert("RGB").resize((32, 32))
    except Exception:  # decoders raise anything on damaged bytes; training excludes these
        return None
    red, green, blue = small.split()
    pairs = ((red, green), (green, blue))
    spread = max(ImageChops.difference(a, b).getextrema()[1] for a, b in pairs)
    return size, spread <= _NO_COLOR


def choose_sides(facts: ImageFacts) -> list[int]:
    """Return sides in pixels to train at, small first; at most half of the images are enlarged.

    Squares of one size up to the largest of SIDES are used as they are, if the networks can
    generate them.
    """
    own = facts.sizes[0][0]
    if facts.equal_squares and _LEAST_SIDE <= own <= SIDES[-1] and is_dcgan_side(own):
        return [side for side in SIDES if side <= own] if own in SIDES else [own]
    shorter = int(statistics.median(min(size) for size in facts.sizes))
    small = (side for side in range(shorter, _LEAST_SIDE, -1) if is_dcgan_side(side))
    return [side for side in SIDES if side <= shorter] or [next(small, _LEAST_SIDE)]


def is_dcgan_side(side: int) -> bool:
    """Return whether the networks of architecture=dcgan can generate squares of this side."""
    from gan_zoo.architectures.layers import num_upsamplings  # imports torch

    try:
        num_upsamplings((1, side, side), "dcgan")
    except ConfigError:
        return False
    return True


def choose_test_share(count: int) -> float:
    """Return the share of `count` images to hold out: more of few images, for the metric's sake."""
    wanted = min(_LARGEST_SHARE, max(_DEFAULT_SHARE, _HELD_OUT / count))
    return round(wanted, 2)


def choose_batch_size(count: int, default: int) -> int:
    """Return the default, or the largest power of two that `count` training images can fill."""
    return default if count >= default else 1 << (max(count, 2).bit_length() - 1)
