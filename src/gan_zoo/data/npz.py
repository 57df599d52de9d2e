"""The user's own images as arrays: an .npz file."""

import math
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gan_zoo.data.dataset import Images
from gan_zoo.schema import Fraction, LocalPath, SettingError, settings

if TYPE_CHECKING:
    import numpy as np

    from gan_zoo.data.samples import Samples

_RATIO = 1032  # deflate, which npz files may use, never shrinks further than this


@settings
class Npz(Images):
    """Images of bytes in the array x, (N, H, W), (N, H, W, C) or (N, C, H, W), C being 1 or 3.

    Labels are the integers in y, if it is there. x_test and y_test are the test split; without
    them some images of x are held out.

    Attributes:
        root: the file, as `numpy.savez` or `numpy.savez_compressed` writes it.
        test_share: share of the images held out where there is no x_test.
    """

    root: LocalPath
    test_share: Fraction = 0.1

    def check(self) -> None:
        """Raises SettingError where there is no such file."""
        if not zipfile.is_zipfile(self.root):
            what = "is no .npz file" if Path(self.root).exists() else "does not exist"
            allowed = f"{what}; name one with an array x of images, or use dataset=glyphs"
            raise SettingError("root", self.root, allowed)

    def load(self, split: str = "train") -> "Samples":
        """Images (N, C, H, W) with their labels; classes count to the largest label in the file."""
        import numpy as np

        from gan_zoo.data.samples import checked
        from gan_zoo.data.splits import held_out

        arrays = self._arrays()
        if "x" not in arrays:
            raise self._refused(f"holds {', '.join(sorted(arrays)) or 'nothing'}, but no x")
        apart = "x_test" in arrays
        name = {"train": "", "test": "_test"}[split] if apart else ""
        x = self._images(arrays[f"x{name}"])
        y = self._labels(arrays.get(f"y{name}"), len(x))
        known = [self._labels(arrays[key], None) for key in ("y", "y_test") if key in arrays]
        classes = 1 + max((int(labels.max(initial=0)) for labels in known), default=0)
        count = sum(len(arrays[key]) for key in ("x", "x_test") if key in arrays)
        if classes > max(1, count):
            raise self._refused(f"has labels up to {classes - 1} for {count} images")
        if not apart:
            kept = held_out([str(i) for i in range(len(x))], self.test_share)[split]
            places = np.array(kept, np.int64)
            x, y = x[places], y[places]
        return checked(np.ascontiguousarray(x), y, classes, Path(self.root))

    def _arrays(self) -> "dict[str, np.ndarray]":
        """The file's arrays by name. Raises SettingError for a damaged file."""
        names = ("x", "y", "x_test", "y_test")
        try:
            with zipfile.ZipFile(self.root) as file:
                members = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
                found = {name: info for name, info in members.items() if name in names}
                arrays = {}
                for name, info in found.items():
                    with file.open(info) as member:
                        arrays[name] = _read_array(member, _RATIO * info.compress_size)
                return arrays
        except Exception as error:  # zipfile and numpy raise anything on a damaged file
            raise self._refused(f"cannot be read ({type(error).__name__}: {error})") from None

    def _images(self, x: "np.ndarray") -> "np.ndarray":
        """Images of any of the three layouts as (N, C, H, W)."""
        if x.dtype == "uint8" and x.ndim == 3:
            return x[:, None]
        if x.dtype == "uint8" and x.ndim == 4 and x.shape[1] in (1, 3):
            return x
        if x.dtype == "uint8" and x.ndim == 4 and x.shape[3] in (1, 3):
            return x.transpose(0, 3, 1, 2)
        shape = "x".join(map(str, x.shape))
        raise self._refused(
            f"has an x of {x.dtype} of shape {shape}, not bytes (N, H, W[, 1 or 3])"
        )

    def _labels(self, y: "np.ndarray | None", count: int | None) -> "np.ndarray":
        """Labels int64 (N,); zeros, `count` of them, where there are none."""
        import numpy as np

        if y is None:
            return np.zeros(count or 0, np.int64)
        if y.dtype.kind not in "iu" or y.ndim != 1 or (count is not None and len(y) != count):
            shape = "x".join(map(str, y.shape))
            raise self._refused(f"has a y of {y.dtype} of shape {shape}, not one integer an image")
        return y.astype(np.int64)

    def _refused(self, allowed: str) -> SettingError:
        return SettingError("dataset.root", self.root, allowed)


def _read_array(file: IO[bytes], most: int) -> "np.ndarray":
    """An .npy file of at most so many bytes. Raises ValueError where it announces more."""
    import numpy as np

    readers = {(1, 0): np.lib.format.read_array_header_1_0}
    readers[2, 0] = np.lib.format.read_array_header_2_0
    version = np.lib.format.read_magic(file)
    if version not in readers:
        raise ValueError(f"unknown version {version} of the .npy format")
    shape, fortran, dtype = readers[version](file)
    size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or min(shape, default=0) < 0 or size > most:
        raise ValueError(f"announces {dtype} of shape {shape}, more than the file can hold")
    flat = np.empty(math.prod(shape), dtype)
    if file.readinto(flat.data.cast("B")) != size or file.read(1):  # type: ignore[attr-defined]
        raise ValueError(f"holds other than the {size} bytes that {dtype} of shape {shape} need")
    return flat.reshape(shape, order="F" if fortran else "C")
