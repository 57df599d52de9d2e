"""What every dataset has in common: its settings, its two splits, its picture."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from gan_zoo.schema import PositiveFloat, PositiveInt, settings

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gan_zoo.data.in_memory import InMemoryDataset


class DataSpec(NamedTuple):
    """What a dataset's settings tell of its samples; None is for what only its files tell."""

    shape: tuple[int, ...] | None = None
    num_classes: int | None = None
    count: int | None = None


@settings
class Dataset:
    """Where samples come from, and how they are to reach the device.

    Attributes:
        on_device: whether the samples live on the device; auto asks whether they fit.
        workers: threads that fetch batches ahead where they do not.
        labels_per_class: labels of each class that the run may see, or the share of them if below
            1; the others are hidden. None: it sees them all.
        class_balanced: whether batches contain all classes equally often, whatever their sizes.
    """

    grid_size: ClassVar[int]  # samples that one picture shows
    unit: ClassVar[str] = "samples"  # what they are called

    on_device: Literal["auto", True, False] = "auto"
    workers: PositiveInt = 2
    labels_per_class: PositiveFloat | None = None
    class_balanced: bool = False

    def spec(self) -> DataSpec:
        """What is known of the training samples before they are loaded."""
        return DataSpec()

    @functools.cached_property
    def train(self) -> "InMemoryDataset":
        """The training samples, loaded once for all who ask."""
        return self.load("train")

    @functools.cached_property
    def fingerprint(self) -> str:
        """Fingerprint of the training samples with all their labels, whatever a run is shown."""
        return self.train.fingerprint()

    def load(self, split: str = "train") -> "InMemoryDataset":
        """The samples of a split, train or test, on the CPU; the two share no sample.

        Raises ConfigError where files are missing, broken or not what they should be.
        """
        raise NotImplementedError

    def has_test(self) -> bool:
        """Whether there is a test split; where not, `load("test")` raises ConfigError.

        Raises ConfigError where the files that decide it are missing or broken.
        """
        return True

    def render(
        self, x: "Tensor", columns: int | None = None, rows: Sequence[str] = ()
    ) -> "np.ndarray":
        """Samples (N, *shape), as the networks see them, as one picture, uint8 (H, W, 3).

        `rows` names the rows of a grid; points have none.
        """
        raise NotImplementedError


@settings
class Images(Dataset):
    """Samples that are images, shown as the tiles of a grid."""

    grid_size: ClassVar[int] = 64
    unit: ClassVar[str] = "images"

    def render(
        self, x: "Tensor", columns: int | None = None, rows: Sequence[str] = ()
    ) -> "np.ndarray":
        """Images (N, C, H, W) in [-1, 1] as a grid, uint8 (H, W, 3), names beside its rows."""
        from gan_zoo.data.plots import beside, image_grid

        return beside(image_grid(x, columns), rows)
