"""MNIST and its kin, read from their idx files."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gan_zoo.schema import SettingError, settings

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gan_zoo.data.samples import Samples

_STEMS = {"train": "train", "test": "t10k"}


@settings
class MNIST:
    """Handwritten digits, LeCun et al. 1998: 60,000 + 10,000 grey images of 28 x 28, 10 classes.

    Attributes:
        root: folder that holds MNIST/raw/ with the four unpacked idx files, as torchvision lays
            them out.
        download: fetch the files with torchvision where they are missing.
    """

    pictured: ClassVar[int] = 64  # samples that one picture shows

    root: str
    download: bool = False

    def check(self) -> None:
        """Raises SettingError where a file is missing and may not be fetched."""
        missing = [path for path in self._paths() if not path.is_file()]
        if missing and not self.download:
            raise SettingError(
                "root",
                self.root,
                f"{missing[0]} is missing; give dataset.root=FOLDER of MNIST/raw, or "
                "dataset.download=true, or use dataset=glyphs, which needs no files",
            )

    def load(self, split: str = "train") -> "Samples":
        """Images (N, 1, 28, 28) with their digits as labels."""
        import torch

        from gan_zoo.data.samples import Samples

        if not all(path.is_file() for path in self._paths()):
            self._fetch()
        x, y = (torch.from_numpy(_read_idx(path)) for path in self._paths(_STEMS[split]))
        return Samples(x[:, None], y.long(), num_classes=10)

    def _paths(self, *stems: str) -> list[Path]:
        """Images and labels of each stem, of both splits if none is named."""
        raw = Path(self.root) / type(self).__name__ / "raw"
        kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
        return [raw / f"{stem}-{kind}" for stem in stems or _STEMS.values() for kind in kinds]

    def _fetch(self) -> None:
        """Raises SettingError where the files cannot be fetched."""
        from torchvision import datasets

        try:
            getattr(datasets, type(self).__name__)(self.root, download=True)
        except (OSError, RuntimeError) as error:
            allowed = f"could not be fetched ({error}); dataset=glyphs needs no files"
            raise SettingError("dataset.download", True, allowed) from None

    def picture(self, x: "Tensor", columns: int | None = None) -> "np.ndarray":
        """Images as a grid, uint8 (H, W, 3)."""
        from gan_zoo.data.pictures import tile

        return tile(x, columns)


def _read_idx(path: Path) -> "np.ndarray":
    """An idx file of bytes: two zeros, type 8, number of dimensions, sizes (big-endian), data.

    Raises SettingError for a file that is not of this form, or whose length is not what it says.
    """
    import numpy as np

    content = path.read_bytes()
    dimensions = content[3] if content[:3] == b"\x00\x00\x08" and len(content) > 3 else 0
    sizes = np.frombuffer(content[4 : 4 + 4 * dimensions], ">u4").tolist()
    start = 4 + 4 * dimensions
    if not dimensions or len(content) != start + math.prod(sizes):
        raise SettingError("dataset.root", path, "is not a complete idx file of bytes")
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes).copy()
