"""MNIST and the datasets in its format, read from their idx files."""

import gzip
import math
import string
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gan_zoo.data.dataset import DataSpec
from gan_zoo.data.torchvision_files import TorchvisionFiles
from gan_zoo.schema import ConfigError, settings

if TYPE_CHECKING:
    import numpy as np

    from gan_zoo.data.in_memory import InMemoryDataset

_KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")
_BYTES = b"\x00\x00\x08"  # the type code of unsigned bytes is 8
_FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
# the first hiragana of each of the ten rows, as the authors transcribe them
_KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@settings
class MNIST(TorchvisionFiles):
    """Handwritten digits, LeCun et al. 1998: 60,000 + 10,000 gray images of 28 x 28, 10 classes."""

    folder: ClassVar[str] = "MNIST/raw"
    suffixes: ClassVar[tuple[str, ...]] = ("", ".gz")

    def names(self, split: str) -> list[str]:
        stem = "train" if split == "train" else "t10k"
        return [f"{stem}-{kind}" for kind in _KINDS]

    def spec(self) -> DataSpec:
        return DataSpec((1, 28, 28), len(self.class_names()))

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Load images (N, 1, 28, 28) with their classes as labels."""
        from gan_zoo.data.in_memory import checked_dataset

        images, labels = self.paths(split)
        x, y = self.upright(read_idx(images, 3)), read_idx(labels, 1)
        y = y.astype("int64") - self.first_label()
        return checked_dataset(x[:, None], y, images, self.class_names())

    def upright(self, images: "np.ndarray") -> "np.ndarray":
        """Return images (N, H, W) upright."""
        return images

    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(string.digits)

    def first_label(self) -> int:
        """Label of the first class in the files."""
        return 0


@settings
class FashionMNIST(MNIST):
    """Articles of clothing, Xiao et al. 2017 (arXiv:1708.07747), in the format of MNIST."""

    folder: ClassVar[str] = "FashionMNIST/raw"

    def class_names(self) -> tuple[str, ...]:
        return _FASHION


@settings
class KMNIST(MNIST):
    """Cursive Japanese, Clanuwat et al. 2018 (arXiv:1812.01718), in the format of MNIST."""

    folder: ClassVar[str] = "KMNIST/raw"

    def class_names(self) -> tuple[str, ...]:
        return _KUZUSHIJI


@settings
class EMNIST(MNIST):
    """Handwritten letters and digits, Cohen et al. 2017 (arXiv:1702.05373), in MNIST's format.

    Attributes:
        subset: one of the six selections of classes; `letters` merges upper and lower case.
    """

    folder: ClassVar[str] = "EMNIST/raw"
    # torchvision wants a subset named, and fetches them all
    fetched: ClassVar[tuple[dict[str, Any], ...]] = ({"split": "digits"},)

    subset: Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"] = "balanced"

    def names(self, split: str) -> list[str]:
        return [f"emnist-{self.subset}-{split}-{kind}" for kind in _KINDS]

    def upright(self, images: "np.ndarray") -> "np.ndarray":
        return images.swapaxes(1, 2)  # EMNIST's files hold the images column by column

    def class_names(self) -> tuple[str, ...]:
        if self.subset == "letters":
            return tuple(string.ascii_lowercase)
        if self.subset in ("digits", "mnist"):
            return tuple(string.digits)
        # merged subsets have no c, i, j, ...: they look like their capitals
        lowercase = string.ascii_lowercase if self.subset == "byclass" else "abdefghnqrt"
        return (*string.digits, *string.ascii_uppercase, *lowercase)

    def first_label(self) -> int:
        return 1 if self.subset == "letters" else 0


def read_idx(path: Path, dimensions: int) -> "np.ndarray":
    """Read an idx file of bytes, plain or gzipped, into a uint8 array of so many dimensions.

    The format: two zeros, type, number of dimensions, sizes (big-endian), data. Raises ConfigError
    for a file in another format, or with less or more data than its sizes announce.
    """
    import numpy as np

    open_file = gzip.open if path.suffix == ".gz" else open
    header_size = 4 + 4 * dimensions
    try:
        with open_file(path, "rb") as file:
            header = file.read(header_size)
            if header[:4] != _BYTES + bytes([dimensions]) or len(header) < header_size:
                allowed = f"is no idx file of bytes in {dimensions} dimensions"
                raise ConfigError("dataset.root", path, allowed)
            sizes = np.frombuffer(header[4:], ">u4").tolist()
            # never more than the file has: a damaged size may announce terabytes
            content = bytearray()
            while len(content) <= math.prod(sizes) and (part := file.read(1 << 24)):
                content += part
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError("dataset.root", path, f"cannot be read ({error})") from None
    if len(content) != math.prod(sizes):
        shape = "x".join(map(str, sizes))
        allowed = f"has {len(content)} bytes of data, or more, where {shape} are due"
        raise ConfigError("dataset.root", path, allowed)
    return np.frombuffer(content, np.uint8).reshape(sizes)
