"""The user's own images: a folder or a zip file, with or without a folder for each class."""

import dataclasses
import functools
import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_zoo.data.decoded_images import DecodedImages, Item
from gan_zoo.data.sources import TABLE, Source
from gan_zoo.printable import list_names, printable
from gan_zoo.schema import ConfigError, Fraction, LocalPath, settings

if TYPE_CHECKING:
    from gan_zoo.data.image_splits import ImageSplits
    from gan_zoo.data.in_memory import InMemoryDataset
    from gan_zoo.data.sources import Folder, Zip

log = logging.getLogger(__name__)

_RULES = 4  # version of how splits, labels and pixels are found; part of the cache's key


@settings
class ImageFolder(DecodedImages):
    """All images below a root, in any format that Pillow reads.

    Folders named train and test (or val) directly below the root are the splits. Below them the
    first folder of a path names its class, unless a dataset.json has labels; without folders all
    images are one class.

    Attributes:
        root: folder or zip file.
        test_share: share of the images held out for the test split where no folders make it.
    """

    root: LocalPath
    test_share: Fraction = 0.1

    def check(self) -> None:
        """Raise ConfigError where there is neither a folder nor a zip file."""
        from gan_zoo.data.excluded_files import explain_bad_root

        root = Path(self.root)
        if not root.is_dir() and not zipfile.is_zipfile(root):
            raise ConfigError("root", self.root, explain_bad_root(root))

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Load images (N, channels, size, size); labels index the sorted names of the classes."""
        from gan_zoo.data.excluded_files import count_excluded, log_excluded
        from gan_zoo.data.image_decoding import unreadable_suffixes

        source = self._source
        stamps = [source.stamp, source.table_stamp, unreadable_suffixes()]
        samples = self.decode(
            Path(self.root),
            [_RULES, split, self.test_share, *stamps],
            lambda: self._items(split),
            source.read,
            lambda: self._facts(split),
        )
        if split == "train":
            log_excluded(source)
        return dataclasses.replace(samples, excluded={**count_excluded(source), **samples.excluded})

    def has_test(self) -> bool:
        """Check whether folders, or `test_share`, make a test split."""
        return bool(self._plan.splits["test"])

    @functools.cached_property
    def _source(self) -> "Folder | Zip":
        """The files. Raises ConfigError where none is named like an image."""
        from gan_zoo.data.excluded_files import explain_no_images
        from gan_zoo.data.image_decoding import suffixes
        from gan_zoo.data.sources import open_source

        source = open_source(Path(self.root), suffixes())
        if not source.names:
            raise ConfigError("dataset.root", self.root, explain_no_images(source))
        return source

    @functools.cached_property
    def _plan(self) -> "ImageSplits":
        """Splits and labels of the images. Raises ConfigError for an invalid dataset.json."""
        from gan_zoo.data.dataset_json import Table, TableError, read_table
        from gan_zoo.data.image_splits import plan_images

        source, tables = self._source, dict[str, Table]()
        try:
            for name in source.tables:
                has_labels, table = read_table(_content(source, name), name)
                if has_labels:
                    tables[name.removesuffix(TABLE)] = table
                else:
                    log.warning('%s has no "labels" and is not used', printable(name))
            return plan_images(source.names, self.test_share, tables)
        except TableError as error:
            raise ConfigError("dataset.root", self.root, str(error)) from None

    def _items(self, split: str) -> tuple[list[Item], int]:
        """Return the images of a split with their labels, and the number of classes.

        Raises ConfigError for an empty split.
        """
        from gan_zoo.data.splits import no_sample_left

        plan = self._plan
        if not plan.splits[split]:
            allowed = no_sample_left(plan.names, split)
            raise ConfigError("dataset.test_share", f"{self.test_share:g}", allowed)
        return [(name, plan.labels.get(name, 0)) for name in plan.splits[split]], plan.num_classes

    def _facts(self, split: str) -> dict[str, Any]:
        """Return the cache's facts about the plan; only the train split has notes for the log."""
        plan = self._plan
        notes = [
            f"images that are not used: {len(names):,} {reason} ({list_names(names)})"
            for reason, names in plan.excluded.items()
        ]
        if both := self._source.same_files(plan.splits["train"], plan.splits["test"]):
            listed = f"{len(both):,} ({list_names(both)})"
            notes.append(
                f"test images that links lead to from the training split, too: {listed}; remove "
                "the links, or evaluations measure on training images"
            )
        return {
            "class_names": list(plan.class_names),
            "split_from": plan.split_from,
            "excluded": {reason: len(names) for reason, names in plan.excluded.items()},
            "notes": [*notes, *plan.notes] if split == "train" else [],
        }


def _content(source: Source, name: str) -> bytes:
    """Read a dataset.json. Raises TableError where a zip's copy is damaged or encrypted."""
    from gan_zoo.data.dataset_json import TableError

    try:
        return source.read(name)
    except ConfigError:
        raise
    except Exception:  # zipfile's decompressors raise anything on damaged bytes
        raise TableError(f"{printable(name)} cannot be read: damaged, or encrypted") from None
