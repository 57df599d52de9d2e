"""LSUN: millions of photographs of scenes, from the published LMDB databases."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_zoo.data.decoded_images import DecodedImages, Item
from gan_zoo.schema import ConfigError, LocalPath, settings

if TYPE_CHECKING:
    from gan_zoo.data.in_memory import InMemoryDataset

_FOLDERS = {"train": "train", "test": "val"}


@settings
class LSUN(DecodedImages):
    """Scenes, Yu et al. 2015 (arXiv:1506.03365): 3,033,042 bedrooms, 126,227 churches, and more.

    The published validation images, 300 of each category, are the test split.

    Attributes:
        root: folder that holds bedroom_train_lmdb/ and so on.
        categories: such as bedroom, church_outdoor, kitchen; their places are the labels.
    """

    root: LocalPath = "data"
    categories: tuple[str, ...] = ("bedroom",)

    def check(self) -> None:
        """Raises ConfigError where a database is missing."""
        if not self.categories or len(set(self.categories)) < len(self.categories):
            allowed = "must name at least one category, each once"
            raise ConfigError("categories", list(self.categories), allowed)
        for path in [path for split in _FOLDERS for path in self._databases(split)]:
            if not path.is_file():
                allowed = f"{path} is missing; fetch LSUN's categories from "
                allowed += "https://github.com/fyu/lsun and unzip them into dataset.root, or use "
                allowed += "dataset=glyphs, which needs no files"
                raise ConfigError("root", self.root, allowed)

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Images (N, channels, size, size) with the places of their categories as labels."""
        paths = self._databases(split)
        facts = [path.stat() for path in paths]
        stamp = [[fact.st_size, fact.st_mtime_ns] for fact in facts]
        bases = [_opened(path.parent) for path in paths]

        def items() -> tuple[list[Item], int]:
            keys = [(key, label) for label, base in enumerate(bases) for key in _keys(base)]
            return [(f"{label}/{key}", label) for key, label in keys], len(bases)

        def read(name: str) -> bytes:
            label, _, key = name.partition("/")
            with bases[int(label)].begin() as looking:
                return looking.get(key.encode("latin1"))

        try:
            key = [split, stamp, self.categories]
            samples = self.decoded(Path(self.root), key, items, read)
            return dataclasses.replace(samples, class_names=self.categories)
        finally:
            for base in bases:
                base.close()

    def _databases(self, split: str) -> list[Path]:
        end = f"{_FOLDERS[split]}_lmdb"
        return [Path(self.root) / f"{name}_{end}" / "data.mdb" for name in self.categories]


def _opened(folder: Path) -> Any:
    """An LMDB database. Raises ConfigError where it is damaged, or LMDB is not installed."""
    try:
        import lmdb
    except ImportError:
        allowed = "is read with lmdb, which is not installed: pip install lmdb"
        raise ConfigError("dataset.root", folder, allowed) from None
    try:
        return lmdb.open(str(folder), readonly=True, lock=False, readahead=False, max_readers=256)
    except lmdb.Error as error:
        raise ConfigError("dataset.root", folder, f"is no LMDB database ({error})") from None


def _keys(base: Any) -> list[str]:
    with base.begin() as looking:
        return [key.decode("latin1") for key in looking.cursor().iternext(values=False)]
