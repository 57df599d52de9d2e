"""The interface of every dataset: its settings, its two splits, its plots."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from gan_zoo.schema import PositiveFloat, PositiveInt, settings

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gan_zoo.data.in_memory import InMemoryDataset


class DataSpec(NamedTuple):
    """What a dataset's settings fix about its samples; None for what only its files know."""

    shape: tuple[int, ...] | None = None
    num_classes: int | None = None
    count: int | None = None


@settings
class Dataset:
    """A source of samples, with settings of how they reach the device.

    Attributes:
        on_device: whether all samples are kept on the device; auto: if they fit.
        workers: threads that prefetch batches if they are not.
        labels_per_class: number of labels of each class that a run may use, or their share if below
            1; the others are dropped. None: all.
        class_balanced: whether batches contain all classes equally often, whatever their sizes.
    """

    grid_size: ClassVar[int]  # samples in one plot
    unit: ClassVar[str] = "samples"  # their name in messages

    on_device: Literal["auto", True, False] = "auto"
    workers: PositiveInt = 2
    labels_per_class: PositiveFloat | None = None
    class_balanced: bool = False

    def spec(self) -> DataSpec:
        """Return what is known of the training samples before they are loaded."""
        return DataSpec()

    @functools.cached_property
    def train(self) -> "InMemoryDataset":
        """The training samples, loaded once."""
        return self.load("train")

    @functools.cached_property
    def fingerprint(self) -> str:
        """Fingerprint of the training samples with all their labels."""
        return self.train.fingerprint()

    @property
    def source(self) -> tuple[str, str]:
        """Key and value of the setting that says which data this is, for messages."""
        name = type(self).__name__
        return ("dataset.root", str(self.root)) if hasattr(self, "root") else ("dataset", name)

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Load the samples of a split, train or test, to the CPU; the two share no sample.

        Raises ConfigError for missing or damaged files, and for files in another format.
        """
        raise NotImplementedError

    def has_test(self) -> bool:
        """Check whether there is a test split; if not, `load("test")` raises ConfigError.

        Raises ConfigError where the files that decide it are missing or damaged.
        """
        return True

    def render(
        self, x: "Tensor", columns: int | None = None, rows: Sequence[str] = ()
    ) -> "np.ndarray":
        """Plot samples (N, *shape), scaled as for the networks, uint8 (H, W, 3).

        `rows` names the rows of a grid; points have none.
        """
        raise NotImplementedError


@settings
class Images(Dataset):
    """A dataset of images, plotted as a grid."""

    grid_size: ClassVar[int] = 64
    unit: ClassVar[str] = "images"

    def render(
        self, x: "Tensor", columns: int | None = None, rows: Sequence[str] = ()
    ) -> "np.ndarray":
        """Plot images (N, C, H, W) in [-1, 1] as a grid with named rows, uint8 (H, W, 3)."""
        from gan_zoo.data.plots import image_grid, label_rows

        return label_rows(image_grid(x, columns), rows)
