"""CelebA: aligned photographs of faces, labeled by one attribute or unlabeled."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gan_zoo.data.decoded_images import DecodedImages, Item
from gan_zoo.data.torchvision_files import TorchvisionFiles
from gan_zoo.schema import ConfigError, settings

if TYPE_CHECKING:
    from gan_zoo.data.in_memory import InMemoryDataset


@settings
class CelebA(TorchvisionFiles, DecodedImages):
    """Faces, Liu et al. 2015 (arXiv:1411.7766): 202,599 aligned images of 178 x 218.

    The train split holds the published training and validation images, the test split the test
    images.

    Attributes:
        attribute: one of the 40, such as Smiling: class 1 has it, class 0 does not. Where empty
            the images are one class.
    """

    folder: ClassVar[str] = "celeba"

    attribute: str = ""

    def names(self, split: str) -> list[str]:
        return ["img_align_celeba", "list_eval_partition.txt", "list_attr_celeba.txt"]

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Load images (N, channels, size, size), center-cropped by default; see `DecodedImages`.

        Raises ConfigError for an unknown attribute, and for a table without some image's line.
        """
        from gan_zoo.data.sources import Folder

        images, partition, attributes = self.paths(split)
        source = Folder(images, (".jpg",))
        tables = [
            [path.stat().st_size, path.stat().st_mtime_ns] for path in (partition, attributes)
        ]

        def items() -> tuple[list[Item], int]:
            names = _split_names(partition, split)
            if not self.attribute:
                return [(name, 0) for name in names], 1
            labels = self._labels(attributes)
            if missing := [name for name in names if name not in labels]:
                allowed = f"has no line for {len(missing):,} images, such as {missing[0]}"
                raise ConfigError("dataset.root", attributes, allowed)
            return [(name, labels[name]) for name in names], 2

        key = [split, self.attribute, tables, source.stamp]
        class_names = (f"not {self.attribute}", self.attribute) if self.attribute else ()
        samples = self.decode(images, key, items, source.read)
        return dataclasses.replace(samples, class_names=class_names)

    def _labels(self, path: Path) -> dict[str, int]:
        """Read the label of each image. Raises ConfigError for an unknown attribute."""
        names, rows = _read_table(path)
        if self.attribute not in names:
            allowed = f"must be empty or one of {', '.join(names)}"
            raise ConfigError("dataset.attribute", self.attribute, allowed)
        column = names.index(self.attribute)
        signs = {name: values[column] for name, *values in rows}
        if wrong := [name for name, sign in signs.items() if sign not in ("1", "-1", "0")]:
            allowed = f"has neither 1 nor -1 as {self.attribute} of {wrong[0]}"
            raise ConfigError("dataset.root", path, allowed)
        return {name: int(sign == "1") for name, sign in signs.items()}


def _split_names(partition: Path, split: str) -> list[str]:
    """Read the names of a split's images; 1 marks validation images, which training uses, too."""
    parts = ("0", "1") if split == "train" else ("2",)
    rows = (line.split() for line in _lines(partition))
    return [row[0] for row in rows if row[1:] and row[1] in parts]


def _read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read the names of the attributes, and a row for each image: its name and values.

    Raises ConfigError for a file in another format than a count, the names, the rows.
    """
    _, names, *rows = [line.split() for line in _lines(path)] + [[], []]
    rows = [row for row in rows if row]
    if not names or any(len(row) != 1 + len(names) for row in rows):
        raise ConfigError("dataset.root", path, "is no list of CelebA's attributes")
    return names, rows


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
