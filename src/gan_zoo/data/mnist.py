"""MNIST and its kin, read from their idx files."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gan_zoo.data import class_names
from gan_zoo.data.dataset import DataSpec
from gan_zoo.data.torchvision_files import TorchvisionFiles
from gan_zoo.schema import settings

if TYPE_CHECKING:
    import numpy as np

    from gan_zoo.data.in_memory import InMemoryDataset

_KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")
_STEMS = {"train": "train", "test": "t10k"}


@settings
class MNIST(TorchvisionFiles):
    """Handwritten digits, LeCun et al. 1998: 60,000 + 10,000 gray images of 28 x 28, 10 classes."""

    folder: ClassVar[str] = "MNIST/raw"
    suffixes: ClassVar[tuple[str, ...]] = ("", ".gz")

    def names(self, split: str) -> list[str]:
        return [f"{_STEMS[split]}-{kind}" for kind in _KINDS]

    def spec(self) -> DataSpec:
        return DataSpec((1, 28, 28), self.classes())

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Images (N, 1, 28, 28) with their classes as labels."""
        from gan_zoo.data.idx import read_idx
        from gan_zoo.data.in_memory import checked_dataset

        images, labels = self.paths(split)
        x, y = self.upright(read_idx(images, 3)), read_idx(labels, 1)
        return checked_dataset(
            x[:, None], y.astype("int64") - self.first(), self.classes(), images, self.named()
        )

    def upright(self, images: "np.ndarray") -> "np.ndarray":
        """Images (N, H, W) as they are meant to be seen."""
        return images

    def classes(self) -> int:
        """Number of classes."""
        return len(self.named())

    def named(self) -> tuple[str, ...]:
        """Names of the classes."""
        return class_names.DIGITS

    def first(self) -> int:
        """The files' label of the first class."""
        return 0


@settings
class FashionMNIST(MNIST):
    """Articles of clothing, Xiao et al. 2017 (arXiv:1708.07747), in the format of MNIST."""

    folder: ClassVar[str] = "FashionMNIST/raw"

    def named(self) -> tuple[str, ...]:
        return class_names.FASHION


@settings
class KMNIST(MNIST):
    """Cursive Japanese, Clanuwat et al. 2018 (arXiv:1812.01718), in the format of MNIST."""

    folder: ClassVar[str] = "KMNIST/raw"

    def named(self) -> tuple[str, ...]:
        return class_names.KUZUSHIJI


@settings
class EMNIST(MNIST):
    """Handwritten letters and digits, Cohen et al. 2017 (arXiv:1702.05373), after MNIST.

    Attributes:
        subset: which of the six ways to choose and merge classes; letters has both cases in one.
    """

    folder: ClassVar[str] = "EMNIST/raw"
    # torchvision wants a subset named, and fetches them all
    fetched: ClassVar[tuple[dict[str, Any], ...]] = ({"split": "digits"},)

    subset: Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"] = "balanced"

    def names(self, split: str) -> list[str]:
        return [f"emnist-{self.subset}-{split}-{kind}" for kind in _KINDS]

    def upright(self, images: "np.ndarray") -> "np.ndarray":
        return images.swapaxes(1, 2)  # EMNIST's files hold the images column by column

    def named(self) -> tuple[str, ...]:
        return class_names.EMNIST[self.subset]

    def first(self) -> int:
        return {"letters": 1}.get(self.subset, 0)  # a is 1 in this subset alone
