"""CIFAR-10 and CIFAR-100, Krizhevsky 2009: the published pickles, read without running any code."""

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gan_zoo.data.dataset import DataSpec
from gan_zoo.data.torchvision_files import TorchvisionFiles
from gan_zoo.schema import ConfigError, settings

if TYPE_CHECKING:
    import numpy as np

    from gan_zoo.data.in_memory import InMemoryDataset

_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_COARSE = """
aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
household_furniture insects large_carnivores large_man-made_outdoor_things
large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals
non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2
"""
_FINE = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


@settings
class CIFAR10(TorchvisionFiles):
    """Photographs of 10 kinds of things: 50,000 + 10,000 color images of 32 x 32."""

    folder: ClassVar[str] = "cifar-10-batches-py"

    def names(self, split: str) -> list[str]:
        return [f"data_batch_{i}" for i in range(1, 6)] if split == "train" else ["test_batch"]

    def spec(self) -> DataSpec:
        return DataSpec((3, 32, 32), len(self.class_names()))

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Load images (N, 3, 32, 32) with their classes as labels."""
        import numpy as np

        from gan_zoo.data.in_memory import checked_dataset

        paths = self.paths(split)
        x, y = zip(*(_read(path, self.label_key()) for path in paths), strict=True)
        return checked_dataset(np.concatenate(x), np.concatenate(y), paths[0], self.class_names())

    def label_key(self) -> str:
        """Key of the labels in the files."""
        return "labels"

    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return _CLASSES


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

    def label_key(self) -> str:
        return f"{self.labels}_labels"

    def class_names(self) -> tuple[str, ...]:
        return tuple((_FINE if self.labels == "fine" else _COARSE).split())


def _read(path: Path, label_key: str) -> "tuple[np.ndarray, np.ndarray]":
    """Read images uint8 (N, 3, 32, 32) and labels int64 (N,) from one file.

    Raises ConfigError for a file in another format.
    """
    import numpy as np

    try:
        content = _Unpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        entries = {k.decode() if isinstance(k, bytes) else k: v for k, v in content.items()}
        x = np.frombuffer(entries["data"].content, np.uint8).reshape(-1, 3, 32, 32)
        return x, np.array(entries[label_key], np.int64)
    except Exception as error:  # a damaged pickle may raise anything
        reason = f"{type(error).__name__}: {error}"
        allowed = f"is no CIFAR file with data and {label_key} ({reason})"
        raise ConfigError("dataset.root", path, allowed) from None


class _Array:
    """Placeholder for numpy arrays and types in a pickle: keeps the bytes, runs nothing."""

    content: bytes = b""

    def __init__(self, *_: Any):
        pass

    def __setstate__(self, state: tuple) -> None:
        self.content = next((part for part in state[3:] if isinstance(part, bytes)), b"")


class _Unpickler(pickle.Unpickler):
    """Loads plain values, and arrays as their bytes; refuses pickles that name anything else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the placeholder for a name in the pickle."""
        if module.partition(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype"):
            return _Array
        if (module, name) == ("_codecs", "encode"):  # how some versions write bytes
            return lambda text, encoding: text.encode("latin1")
        raise pickle.UnpicklingError(f"refuses to load {module}.{name}")
