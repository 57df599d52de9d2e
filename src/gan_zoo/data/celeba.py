"""CelebA: aligned photographs of faces, labeled by one attribute or not at all."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gan_zoo.data.decoded_images import DecodedImages, Item
from gan_zoo.data.torchvision_files import TorchvisionFiles
from gan_zoo.schema import ConfigError, settings

if TYPE_CHECKING:
    from gan_zoo.data.in_memory import InMemoryDataset

_PARTITION = {
    "train": ("0", "1"),
    "test": ("2",),
}  # 1 is for validation, which training has no use for

_LABELS = {"1": 1, "-1": 0, "0": 0}


@settings
class CelebA(TorchvisionFiles, DecodedImages):
    """Faces, Liu et al. 2015 (arXiv:1411.7766): 202,599 aligned images of 178 x 218.

    Training has the published training and validation images, testing the test images.

    Attributes:
        attribute: one of the 40, such as Smiling: class 1 has it, class 0 does not. Where empty
            the images are one class.
    """

    folder: ClassVar[str] = "celeba"

    attribute: str = ""

    def names(self, split: str) -> list[str]:
        return ["img_align_celeba", "list_eval_partition.txt", "list_attr_celeba.txt"]

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Images (N, channels, size, size), center-cropped by default; see `DecodedImages`."""
        from gan_zoo.data.sources import Folder

        images, partition, attributes = self.paths(split)
        source = Folder(images, (".jpg",))
        tables = [
            [path.stat().st_size, path.stat().st_mtime_ns] for path in (partition, attributes)
        ]

        def items() -> tuple[list[Item], int]:
            rows = (line.split() for line in _lines(partition))
            chosen = [row[0] for row in rows if row[1:] and row[1] in _PARTITION[split]]
            labels, num_classes = self._labels(attributes)
            if num_classes == 1:
                return [(name, 0) for name in chosen], 1
            if lacking := [name for name in chosen if name not in labels]:
                allowed = f"has no line for {len(lacking):,} images, such as {lacking[0]}"
                raise ConfigError("dataset.root", attributes, allowed)
            return [(name, labels[name]) for name in chosen], num_classes

        key = [split, self.attribute, tables, source.stamp]
        names = (f"not {self.attribute}", self.attribute) if self.attribute else ()
        samples = self.decoded(images, key, items, source.read)
        return dataclasses.replace(samples, class_names=names)

    def _labels(self, path: Path) -> tuple[dict[str, int], int]:
        """Label of each image, and their number. Raises ConfigError for no such attribute."""
        if not self.attribute:
            return {}, 1
        names, rows = _table(path)
        if self.attribute not in names:
            allowed = f"must be empty or one of {', '.join(names)}"
            raise ConfigError("dataset.attribute", self.attribute, allowed)
        place = names.index(self.attribute)
        labels = {name: _LABELS.get(values[place]) for name, *values in rows}
        if wrong := [name for name, label in labels.items() if label is None]:
            allowed = f"has neither 1 nor -1 as {self.attribute} of {wrong[0]}"
            raise ConfigError("dataset.root", path, allowed)
        return labels, 2


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Names of the attributes, and rows of an image's name and their values.

    Raises ConfigError for a file without this form: a count, the names, the rows.
    """
    _, names, *rows = [line.split() for line in _lines(path)] + [[], []]
    rows = [row for row in rows if row]
    if not names or any(len(row) != 1 + len(names) for row in rows):
        raise ConfigError("dataset.root", path, "is no list of CelebA's attributes")
    return names, rows


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
