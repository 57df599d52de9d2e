"""The user's own images: a folder or a zip file, with a folder for each class or without."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from gan_zoo.data.decoded import Decoded, Item
from gan_zoo.schema import Fraction, SettingError, settings

if TYPE_CHECKING:
    from gan_zoo.data.samples import Samples


@settings
class ImageFolder(Decoded):
    """All images below a root, in any format that Pillow reads.

    Folders named train and test (or val) directly below the root are the splits. Below them the
    first folder of a path names its class; where an image lies in none, all are one class.

    Attributes:
        root: folder or zip file.
        test_share: share of the images held out for the test split where no folders make it.
    """

    root: str
    test_share: Fraction = 0.1

    def check(self) -> None:
        """Raises SettingError where there is neither a folder nor a zip file."""
        root = Path(self.root)
        if not root.is_dir() and not zipfile.is_zipfile(root):
            what = "is no zip file" if root.is_file() else "does not exist"
            allowed = f"{what}; name a folder or a zip file of images, or use dataset=glyphs, "
            raise SettingError("root", self.root, f"{allowed}which needs no files")

    def load(self, split: str = "train") -> "Samples":
        """Images (N, channels, size, size) with the places of their classes' names as labels."""
        from gan_zoo.data.decode import suffixes
        from gan_zoo.data.sources import opened

        root = Path(self.root)
        source = opened(root, suffixes())
        key = [split, self.test_share, source.stamp]
        return self.decoded(root, key, lambda: self._labelled(source.names, split), source.read)

    def has_test(self) -> bool:
        """Whether a folder, or `test_share`, makes a test split."""
        from gan_zoo.data.decode import suffixes
        from gan_zoo.data.sources import opened
        from gan_zoo.data.splits import split_by_folder

        names = opened(Path(self.root), suffixes()).names
        return bool(names and split_by_folder(names, self.test_share)[0]["test"])

    def _labelled(self, names: list[str], split: str) -> tuple[list[Item], int]:
        """The images of a split with their labels; number of classes. Raises SettingError."""
        from gan_zoo.data.splits import split_by_folder

        if not names:
            allowed = "holds no file that is named like an image (.jpg, .png, ...)"
            raise SettingError("dataset.root", self.root, allowed)
        splits, inside = split_by_folder(names, self.test_share)
        if not splits[split]:
            allowed = f"leaves no image for the {split} split; the data has {len(names):,}"
            raise SettingError("dataset.test_share", self.test_share, allowed)
        used = [inside[name] for members in splits.values() for name in members]
        places = {name: place for place, name in enumerate(_classes(used))}
        labels = [places.get(inside[name].partition("/")[0], 0) for name in splits[split]]
        return list(zip(splits[split], labels, strict=True)), max(1, len(places))


def _classes(paths: list[str]) -> list[str]:
    """Names of the classes, sorted; none where an image lies outside any folder."""
    if not all("/" in path for path in paths):
        return []
    return sorted({path.partition("/")[0] for path in paths})
