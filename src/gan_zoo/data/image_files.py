"""The user's own images: a folder or a zip file, with a folder for each class or without."""

import dataclasses
import functools
import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_zoo.data.decoded_images import DecodedImages, Item
from gan_zoo.data.file_names import shown, shown_some
from gan_zoo.data.sources import TABLE
from gan_zoo.schema import ConfigError, Fraction, LocalPath, settings

if TYPE_CHECKING:
    from gan_zoo.data.image_splits import Plan
    from gan_zoo.data.in_memory import InMemoryDataset
    from gan_zoo.data.sources import Folder, Zip

log = logging.getLogger(__name__)

_RULES = 2  # of finding splits, labels and pixels; a cache made by other rules is not used


@settings
class ImageFolder(DecodedImages):
    """All images below a root, in any format that Pillow reads.

    Folders named train and test (or val) directly below the root are the splits. Below them the
    first folder of a path names its class, unless a dataset.json has labels; where images lie in
    none, all are one class.

    Attributes:
        root: folder or zip file.
        test_share: share of the images held out for the test split where no folders make it.
    """

    root: LocalPath
    test_share: Fraction = 0.1

    def check(self) -> None:
        """Raises ConfigError where there is neither a folder nor a zip file."""
        from gan_zoo.data.excluded_files import not_a_source

        root = Path(self.root)
        if not root.is_dir() and not zipfile.is_zipfile(root):
            raise ConfigError("root", self.root, not_a_source(root))

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Images (N, channels, size, size) with the places of their classes' names as labels."""
        from gan_zoo.data.excluded_files import left_out, log_left_out
        from gan_zoo.data.image_decoding import unreadable_suffixes

        source = self._source
        stamps = [source.stamp, source.table_stamp, unreadable_suffixes()]
        samples = self.decoded(
            Path(self.root),
            [_RULES, split, self.test_share, *stamps],
            lambda: self._items(split),
            source.read,
            lambda: _facts(self._plan, split),
        )
        unused = left_out(source)
        if split == "train":
            log_left_out(source)
        return dataclasses.replace(samples, excluded={**unused, **samples.excluded})

    def has_test(self) -> bool:
        """Check whether folders, or `test_share`, make a test split."""
        return bool(self._plan.splits["test"])

    @functools.cached_property
    def _source(self) -> "Folder | Zip":
        """The files. Raises ConfigError where none is named like an image."""
        from gan_zoo.data.excluded_files import nothing_found
        from gan_zoo.data.image_decoding import suffixes
        from gan_zoo.data.sources import open_source

        source = open_source(Path(self.root), suffixes())
        if not source.names:
            raise ConfigError("dataset.root", self.root, nothing_found(source))
        return source

    @functools.cached_property
    def _plan(self) -> "Plan":
        """Splits and labels of the images. Raises ConfigError for a dataset.json that is wrong."""
        from gan_zoo.data.dataset_json import Table, TableError, read_table
        from gan_zoo.data.image_splits import planned

        source, tables = self._source, dict[str, Table]()
        try:
            for name in source.tables:
                has_labels, table = read_table(source.read(name), name)
                if has_labels:
                    tables[name.removesuffix(TABLE)] = table
                else:
                    log.warning('%s has no "labels" and is not used', shown(name))
            return planned(source.names, self.test_share, tables)
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


def _facts(plan: "Plan", split: str) -> dict[str, Any]:
    """What the cache notes about the plan; `notes` are shown with the training split alone."""
    notes = [
        f"images that are not used: {len(names):,} {reason} ({shown_some(names)})"
        for reason, names in plan.excluded.items()
    ]
    return {
        "class_names": list(plan.class_names),
        "split_from": plan.split_from,
        "excluded": {reason: len(names) for reason, names in plan.excluded.items()},
        "notes": [*notes, *plan.notes] if split == "train" else [],
    }
