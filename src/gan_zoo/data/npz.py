"""The user's own images as arrays: an .npz file."""

import dataclasses
import functools
import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from gan_zoo.data.dataset import Images
from gan_zoo.printable import list_names, printable
from gan_zoo.schema import ConfigError, Fraction, LocalPath, settings

if TYPE_CHECKING:
    import numpy as np

    from gan_zoo.data.in_memory import InMemoryDataset
    from gan_zoo.data.npz_arrays import Arrays

log = logging.getLogger(__name__)

_HALF = 128  # images without a brighter pixel leave the upper half of a byte's range unused


@settings
class Npz(Images):
    """Images of bytes in the array x, (N, H, W), (N, H, W, C) or (N, C, H, W), C being 1 or 3.

    Labels are the integers or texts in y, if it is there; the classes are those that occur, each
    named by its number or text. x_test and y_test are the test split; without them some images of
    x are held out. x and y may be called x_train and y_train as well.

    Attributes:
        root: the file, as `numpy.savez` or `numpy.savez_compressed` writes it.
        test_share: share of the images held out where there is no x_test.
    """

    root: LocalPath
    test_share: Fraction = 0.1

    def check(self) -> None:
        """Raise ConfigError where there is no such file."""
        if not zipfile.is_zipfile(self.root):
            from gan_zoo.data.excluded_files import explain_no_arrays

            raise ConfigError("root", self.root, explain_no_arrays(Path(self.root)))

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Load images (N, C, H, W), labeled by the order of the classes' names."""
        import numpy as np

        from gan_zoo.data.in_memory import checked_dataset
        from gan_zoo.data.npz_arrays import read_labels

        arrays, names = self._arrays
        suffix = "_test" if split == "test" and "x_test" in names else ""
        x = _channels_first(arrays.read(names[f"x{suffix}"]))
        class_names, labels = read_labels(arrays, names)
        y = labels.get(f"y{suffix}", np.zeros(len(x), np.int64))
        if "x_test" in names:
            split_from = "x_test"
        else:
            indices = self._indices(len(x), split)
            x, y = x[indices], y[indices]
            split_from = f"test_share={self.test_share:g} of x, by a hash of each index"
        if split == "train":
            _warn_of_arrays(arrays, names, int(x.max()))
            _warn_of_labels(class_names, {class_names[i] for i in np.unique(y) if class_names})
        samples = checked_dataset(np.ascontiguousarray(x), y, arrays.path, class_names)
        return dataclasses.replace(samples, split_from=split_from)

    def has_test(self) -> bool:
        """Check whether there is an x_test, or `test_share` holds out an image of x."""
        arrays, names = self._arrays
        count = arrays.header(names["x"]).shape[0]
        return "x_test" in names or bool(self._hash_split(count)["test"])

    @functools.cached_property
    def _arrays(self) -> "tuple[Arrays, dict[str, str]]":
        """The file's arrays, and its names for x, y, x_test and y_test."""
        from gan_zoo.data.npz_arrays import Arrays, find_arrays

        arrays = Arrays(Path(self.root))
        return arrays, find_arrays(arrays)

    def _hash_split(self, count: int) -> dict[str, list[str]]:
        from gan_zoo.data.splits import hash_split

        return hash_split([str(i) for i in range(count)], self.test_share)

    def _indices(self, count: int, split: str) -> "np.ndarray":
        """Return the indices of a split among `count` images. Raises ConfigError for none."""
        import numpy as np

        from gan_zoo.data.splits import no_sample_left

        indices = self._hash_split(count)[split]
        if not indices:
            allowed = no_sample_left([str(i) for i in range(count)], split)
            raise ConfigError("dataset.test_share", self.test_share, allowed)
        return np.array(indices, np.int64)


def _channels_first(x: "np.ndarray") -> "np.ndarray":
    """Return images of any of the three layouts as (N, C, H, W)."""
    if x.ndim == 3:
        return x[:, None]
    return x if x.shape[1] in (1, 3) else x.transpose(0, 3, 1, 2)


def _warn_of_arrays(arrays: "Arrays", names: dict[str, str], brightest: int) -> None:
    """Warn of unused arrays, and of images that are nearly black."""
    from gan_zoo.data.npz_rewrite import rewrite_hint

    path = printable(str(arrays.path))
    unused = [name for name in arrays.names if name not in names.values()]
    if unused:
        log.warning("%s: not used: %s", path, list_names(unused, len(unused)))
    if brightest < _HALF:
        hint = rewrite_hint(arrays, names, brightest) if brightest else ""
        problem = f"no pixel of x is above {brightest} of 255: the images are dark"
        log.warning("%s: %s%s", path, problem, hint)


def _warn_of_labels(class_names: list[str], present: set[str]) -> None:
    """Warn of labels that do not count from 0, and of classes that only the test split has."""
    absent = [name for name in class_names if name not in present]
    if absent:
        log.warning("no image of the training split has label %s", list_names(absent, 10))
    numbers = sorted(int(name) for name in class_names if name.isdecimal())
    if len(numbers) == len(class_names) and numbers != list(range(len(numbers))):
        labels = f"{numbers[0]} to {numbers[-1]}: {len(numbers)}"
        log.warning("labels are %s classes, named by their numbers", labels)
