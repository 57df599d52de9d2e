"""CIFAR-10 and CIFAR-100, Krizhevsky 2009: the published pickles, read without trusting them."""

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gan_zoo.data import class_names
from gan_zoo.data.dataset import DataSpec
from gan_zoo.data.torchvision_files import TorchvisionFiles
from gan_zoo.schema import ConfigError, settings

if TYPE_CHECKING:
    import numpy as np

    from gan_zoo.data.in_memory import InMemoryDataset


@settings
class CIFAR10(TorchvisionFiles):
    """Photographs of 10 kinds of things: 50,000 + 10,000 color images of 32 x 32."""

    folder: ClassVar[str] = "cifar-10-batches-py"

    def names(self, split: str) -> list[str]:
        batches = [f"data_batch_{i}" for i in range(1, 6)]
        return {"train": batches, "test": ["test_batch"]}[split]

    def spec(self) -> DataSpec:
        return DataSpec((3, 32, 32), len(self.labeled_by()[1]))

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Images (N, 3, 32, 32) with their classes as labels."""
        import numpy as np

        from gan_zoo.data.in_memory import checked_dataset

        key, names = self.labeled_by()
        paths = self.paths(split)
        x, y = zip(*(_read(path, key) for path in paths), strict=True)
        return checked_dataset(np.concatenate(x), np.concatenate(y), len(names), paths[0], names)

    def labeled_by(self) -> tuple[str, tuple[str, ...]]:
        """The files' name for the labels, and the names of the classes."""
        return "labels", class_names.CIFAR10


@settings
class CIFAR100(CIFAR10):
    """Photographs of 100 kinds of things in 20 groups, in the format of CIFAR-10.

    Attributes:
        labels: fine for the 100 kinds, coarse for the 20 groups.
    """

    folder: ClassVar[str] = "cifar-100-python"

    labels: Literal["fine", "coarse"] = "fine"

    def names(self, split: str) -> list[str]:
        return [split]

    def labeled_by(self) -> tuple[str, tuple[str, ...]]:
        return f"{self.labels}_labels", class_names.CIFAR100[self.labels]


def _read(path: Path, labels: str) -> "tuple[np.ndarray, np.ndarray]":
    """Images uint8 (N, 3, 32, 32) and labels int64 (N,) of one file.

    Raises ConfigError for a file that does not hold these.
    """
    import numpy as np

    try:
        content = _Reader(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        found = {k.decode() if isinstance(k, bytes) else k: v for k, v in content.items()}
        x = np.frombuffer(found["data"].content, np.uint8).reshape(-1, 3, 32, 32)
        return x, np.array(found[labels], np.int64)
    except Exception as error:  # a damaged pickle may raise anything
        reason = f"{type(error).__name__}: {error}"
        allowed = f"is no CIFAR file with data and {labels} ({reason})"
        raise ConfigError("dataset.root", path, allowed) from None


class _Array:
    """Stands for the arrays and types of numpy in a pickle: keeps the bytes, runs nothing."""

    content: bytes = b""

    def __init__(self, *_: Any):
        pass

    def __setstate__(self, state: tuple) -> None:
        self.content = next((part for part in state[3:] if isinstance(part, bytes)), b"")


class _Reader(pickle.Unpickler):
    """Reads plain values, and arrays as their bytes; a pickle that names anything else fails."""

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name in the pickle."""
        if module.partition(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype"):
            return _Array
        if (module, name) == ("_codecs", "encode"):  # how some versions write bytes
            return lambda text, encoding: text.encode("latin1")
        raise pickle.UnpicklingError(f"refuses to load {module}.{name}")
