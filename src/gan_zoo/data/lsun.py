"""LSUN: millions of photographs of scenes, from the published LMDB databases."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_zoo.data.decoded_images import DecodedImages, Item
from gan_zoo.schema import ConfigError, LocalPath, settings

if TYPE_CHECKING:
    from gan_zoo.data.in_memory import InMemoryDataset


@settings
class LSUN(DecodedImages):
    """Scenes, Yu et al. 2015 (arXiv:1506.03365): 3,033,042 bedrooms, 126,227 churches, and more.

    The published validation images, 300 of each category, are the test split.

    Attributes:
        root: folder that holds bedroom_train_lmdb/ and so on.
        categories: such as bedroom, church_outdoor, kitchen; their indices are the labels.
    """

    root: LocalPath = "data"
    categories: tuple[str, ...] = ("bedroom",)

    def check(self) -> None:
        """Raise ConfigError where a database is missing."""
        if not self.categories or len(set(self.categories)) < len(self.categories):
            allowed = "must name at least one category, each once"
            raise ConfigError("categories", list(self.categories), allowed)
        for path in self._databases("train") + self._databases("test"):
            if not path.is_file():
                allowed = f"{path} is missing; fetch LSUN's categories from "
                allowed += "https://github.com/fyu/lsun and unzip them into dataset.root, or use "
                allowed += "dataset=glyphs, which needs no files"
                raise ConfigError("root", self.root, allowed)

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Load images (N, channels, size, size); labels are the indices of their categories."""
        paths = self._databases(split)
        facts = [path.stat() for path in paths]
        stamp = [[fact.st_size, fact.st_mtime_ns] for fact in facts]
        databases = [_open(path.parent) for path in paths]

        def items() -> tuple[list[Item], int]:
            found = [
                (f"{label}/{key}", label)
                for label, database in enumerate(databases)
                for key in _keys(database)
            ]
            return found, len(databases)

        def read(name: str) -> bytes:
            label, _, key = name.partition("/")
            with databases[int(label)].begin() as transaction:
                return transaction.get(key.encode("latin1"))

        try:
            key = [split, stamp, self.categories]
            samples = self.decode(Path(self.root), key, items, read)
            return dataclasses.replace(samples, class_names=self.categories)
        finally:
            for database in databases:
                database.close()

    def _databases(self, split: str) -> list[Path]:
        suffix = "train_lmdb" if split == "train" else "val_lmdb"
        return [Path(self.root) / f"{name}_{suffix}" / "data.mdb" for name in self.categories]


def _open(folder: Path) -> Any:
    """Open an LMDB database. Raises ConfigError where it is damaged, or LMDB is not installed."""
    try:
        import lmdb
    except ImportError:
        allowed = "is read with lmdb, which is not installed: pip install lmdb"
        raise ConfigError("dataset.root", folder, allowed) from None
    try:
        return lmdb.open(str(folder), readonly=True, lock=False, readahead=False, max_readers=256)
    except lmdb.Error as error:
        raise ConfigError("dataset.root", folder, f"is no LMDB database ({error})") from None


def _keys(database: Any) -> list[str]:
    with database.begin() as transaction:
        return [key.decode("latin1") for key in transaction.cursor().iternext(values=False)]
