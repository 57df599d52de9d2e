"""The user's own images as arrays: an .npz file."""

import dataclasses
import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from gan_zoo.data.dataset import Images
from gan_zoo.schema import ConfigError, Fraction, LocalPath, settings

if TYPE_CHECKING:
    import numpy as np

    from gan_zoo.data.in_memory import InMemoryDataset
    from gan_zoo.data.npz_arrays import Arrays
    from gan_zoo.data.npz_layout import Names

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
        """Raises ConfigError where there is no such file."""
        if not zipfile.is_zipfile(self.root):
            what = "is no .npz file" if Path(self.root).exists() else "does not exist"
            allowed = f"{what}; name one with an array x of images, or use dataset=glyphs"
            raise ConfigError("root", self.root, allowed)

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Images (N, C, H, W) with the places of their classes' names as labels."""
        import numpy as np

        from gan_zoo.data.in_memory import checked_dataset
        from gan_zoo.data.npz_arrays import Arrays
        from gan_zoo.data.npz_layout import classes, paired

        arrays = Arrays(Path(self.root))
        names = paired(arrays)
        apart = "x_test" in names
        end = {"train": "", "test": "_test"}[split] if apart else ""
        x = _channels_first(arrays.read(names[f"x{end}"]))
        class_names, labels = classes(arrays, names)
        y = labels.get(f"y{end}", np.zeros(len(x), np.int64))
        if not apart:
            indices = self._places(len(x), split)
            x, y = x[indices], y[indices]
        if split == "train":
            _note_arrays(arrays, names, int(x.max()))
            _note_labels(class_names, {class_names[label] for label in np.unique(y) if class_names})
        several = max(1, len(class_names))
        samples = checked_dataset(np.ascontiguousarray(x), y, several, arrays.path, class_names)
        how = "x_test" if apart else f"test_share={self.test_share:g} of x, by a hash of each place"
        return dataclasses.replace(samples, split_from=how)

    def has_test(self) -> bool:
        """Whether there is an x_test, or `test_share` holds out an image of x."""
        from gan_zoo.data.npz_arrays import Arrays
        from gan_zoo.data.npz_layout import paired

        arrays = Arrays(Path(self.root))
        names = paired(arrays)
        count = arrays.header(names["x"]).shape[0]
        return "x_test" in names or bool(self._held_out(count)["test"])

    def _held_out(self, count: int) -> dict[str, list[str]]:
        from gan_zoo.data.splits import hash_split

        return hash_split([str(i) for i in range(count)], self.test_share)

    def _places(self, count: int, split: str) -> "np.ndarray":
        """Places of a split's images among `count`. Raises ConfigError where it has none."""
        import numpy as np

        kept = self._held_out(count)[split]
        if not kept:
            more = {"train": "smaller", "test": "larger"}[split]
            allowed = f"leaves no image for the {split} split; the data has {count:,}; "
            allowed += f"a {more} share leaves some"
            raise ConfigError("dataset.test_share", self.test_share, allowed)
        return np.array(kept, np.int64)


def _channels_first(x: "np.ndarray") -> "np.ndarray":
    """Images of any of the three layouts as (N, C, H, W)."""
    if x.ndim == 3:
        return x[:, None]
    return x if x.shape[1] in (1, 3) else x.transpose(0, 3, 1, 2)


def _note_arrays(arrays: "Arrays", names: "Names", brightest: int) -> None:
    """Warn of arrays that nothing reads, and of images that are nearly black."""
    from gan_zoo.data.npz_rewrite import rewriting

    unused = [name for name in arrays.names if name not in names.values()]
    if unused:
        log.warning("%s: not used: %s", arrays.path, ", ".join(unused))
    if brightest < _HALF:
        advice = rewriting(arrays, names, brightest) if brightest else ""
        allowed = f"no pixel of x is above {brightest} of 255: the images are dark"
        log.warning("%s: %s%s", arrays.path, allowed, advice)


def _note_labels(class_names: list[str], present: set[str]) -> None:
    """Warn of labels that do not count from 0, and of classes that only the test split has."""
    absent = [name for name in class_names if name not in present]
    if absent:
        log.warning("no image of the training split has label %s", ", ".join(absent[:10]))
    numbers = [int(name) for name in class_names if name.isdecimal()]
    if len(numbers) == len(class_names) and numbers != list(range(len(numbers))):
        what = f"{numbers[0]} to {numbers[-1]}: {len(numbers)}"
        log.warning("labels are %s classes, named by their numbers", what)
