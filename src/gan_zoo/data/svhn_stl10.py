"""SVHN and STL-10: photographs, each dataset in a format of its own."""

import string
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gan_zoo.data.dataset import DataSpec
from gan_zoo.data.torchvision_files import TorchvisionFiles
from gan_zoo.schema import ConfigError, settings

if TYPE_CHECKING:
    import numpy as np

    from gan_zoo.data.in_memory import InMemoryDataset

_STL10 = (
    *("airplane", "bird", "car", "cat", "deer"),
    *("dog", "horse", "monkey", "ship", "truck"),
)


@settings
class SVHN(TorchvisionFiles):
    """House numbers, Netzer et al. 2011: 73,257 + 26,032 color images of 32 x 32, 10 digits."""

    folder: ClassVar[str] = "."
    fetched: ClassVar[tuple[dict[str, Any], ...]] = ({"split": "train"}, {"split": "test"})

    def names(self, split: str) -> list[str]:
        return [f"{split}_32x32.mat"]

    def spec(self) -> DataSpec:
        return DataSpec((3, 32, 32), 10)

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Load images (N, 3, 32, 32) with their digits as labels.

        Raises ConfigError for a file that is none of SVHN.
        """
        from gan_zoo.data.in_memory import checked_dataset

        (path,) = self.paths(split)
        x, y = _read_matlab(path)
        y = y % 10  # the files label zero as 10
        return checked_dataset(x.transpose(3, 2, 0, 1), y, path, string.digits)


def _read_matlab(path: Path) -> "tuple[np.ndarray, np.ndarray]":
    """Read images uint8 (32, 32, 3, N) and labels int64 (N,) from a MATLAB file."""
    from scipy.io import loadmat

    try:
        content = loadmat(path)
        x, y = content["X"], content["y"].reshape(-1).astype("int64")
    except Exception as error:  # scipy raises anything on a damaged file
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError("dataset.root", path, f"is no file of SVHN ({reason})") from None
    if x.dtype != "uint8" or x.shape != (32, 32, 3, len(y)):
        allowed = f"must hold bytes of shape 32x32x3x{len(y)}, not {x.dtype} of {x.shape}"
        raise ConfigError("dataset.root", path, allowed)
    return x, y


@settings
class STL10(TorchvisionFiles):
    """Photographs of 10 kinds of things, Coates et al. 2011, in color, 96 x 96.

    Attributes:
        part: train for the 5,000 labeled images, unlabeled for the 100,000 others, which are one
            class. The test split is the 8,000 test images, without labels for `unlabeled`.
    """

    folder: ClassVar[str] = "stl10_binary"

    part: Literal["train", "unlabeled"] = "train"

    def names(self, split: str) -> list[str]:
        prefix = self.part if split == "train" else "test"
        kinds = "Xy" if self.part == "train" else "X"
        return [f"{prefix}_{kind}.bin" for kind in kinds]

    def spec(self) -> DataSpec:
        return DataSpec((3, 96, 96))

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Load images (N, 3, 96, 96), mapped from the file, with their classes as labels.

        Raises ConfigError for a file of no whole number of images, and for labels that do not fit.
        """
        import numpy as np

        from gan_zoo.data.in_memory import checked_dataset

        images, *labels = self.paths(split)
        size, image_size = images.stat().st_size, 3 * 96 * 96
        if size == 0 or size % image_size:
            allowed = f"has {size} bytes, no multiple of {image_size}, the bytes of an image"
            raise ConfigError("dataset.root", images, allowed)
        x = np.memmap(images, np.uint8, mode="c", shape=(size // image_size, 3, 96, 96))
        y = np.zeros(len(x), np.int64)
        for path in labels:
            y = np.fromfile(path, np.uint8).astype(np.int64) - 1  # the files count from 1
        # images are stored column by column
        return checked_dataset(x.swapaxes(2, 3), y, images, _STL10 if labels else ())
