"""Datasets in memory: images as bytes, points as floats, with their labels."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gan_zoo.data.loader import BatchLoader, PrefetchLoader, to_float
from gan_zoo.printable import printable
from gan_zoo.ranks import Ranks
from gan_zoo.schema import ConfigError


@dataclasses.dataclass(frozen=True)
class InMemoryDataset:
    """A dataset in memory, on any device.

    Attributes:
        x: uint8 images (N, C, H, W), or float32 points (N, 2).
        y: int64 labels (N,), all 0 without labels; -1 - k for an unlabeled sample with the
            pseudo-label k, random at first.
        num_classes: labels lie in [0, num_classes).
        digest: SHA-256 of the bytes of x, if already known.
        class_names: names of the labels in order; empty if unknown.
        split_from: how training and test samples were separated, in a few words; empty for a
            dataset published with its own split.
        excluded: number of unused files, by reason.
    """

    x: Tensor
    y: Tensor
    num_classes: int = 1
    digest: str = ""
    class_names: tuple[str, ...] = ()
    split_from: str = ""
    excluded: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.x.shape[1:])

    @property
    def device(self) -> torch.device:
        """Device of the batches."""
        return self.x.device

    @property
    def size(self) -> int:
        """Bytes of samples and labels."""
        return self.x.nbytes + self.y.nbytes

    @property
    def has_unlabeled(self) -> bool:
        """Whether any sample is unlabeled."""
        return bool((self.y < 0).any())

    def loader(
        self, batch_size: int, seed: int, class_balanced: bool = False, ranks: Ranks | None = None
    ) -> BatchLoader:
        """Create a loader of endless batches in an order determined by the seed.

        With unlabeled samples, half of each batch is labeled; else classes may be balanced. With
        several ranks it loads one's share of each batch.
        """
        return BatchLoader(self, batch_size, seed, class_balanced, ranks)

    def to(self, device: torch.device) -> "InMemoryDataset":
        """Return the same samples on another device."""
        return dataclasses.replace(self, x=self.x.to(device), y=self.y.to(device))

    def unlabeled(self) -> "InMemoryDataset":
        """Return the same samples as one class."""
        return dataclasses.replace(self, y=torch.zeros_like(self.y), num_classes=1, class_names=())

    def drop_labels(self, per_class: float, rng: torch.Generator) -> "InMemoryDataset":
        """Keep `per_class` labels of each class, or that share of them if below 1.

        The other samples become unlabeled, with pseudo-labels of all classes equally often.
        Raises ConfigError where a class has too few samples.
        """
        order = torch.randperm(len(self), generator=rng).to(self.y.device)
        smallest = int(self.y.bincount(minlength=self.num_classes).argmin())
        self._first(order, smallest, per_class)  # its message has the number that all classes have
        kept = [self._first(order, label, per_class) for label in range(self.num_classes)]
        pseudo = torch.randperm(len(self), generator=rng).to(self.y.device) % self.num_classes
        y, labeled = -1 - pseudo, torch.cat(kept)
        y[labeled] = self.y[labeled]
        return dataclasses.replace(self, y=y)

    def _first(self, order: Tensor, label: int, per_class: float) -> Tensor:
        """Return indices of the first samples in the order with the label; see `drop_labels`."""
        indices = order[self.y[order] == label]
        count = round(per_class * len(indices)) if per_class < 1 else int(per_class)
        if not 0 < count <= len(indices):
            allowed = f"class {printable(self.label_names[label])} has {len(indices)} samples"
            if len(indices):
                allowed += f"; type at most {len(indices)}" if count else "; type a larger share"
            raise ConfigError("dataset.labels_per_class", f"{per_class:g}", allowed)
        return indices[:count]

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the classes; their numbers where none are known."""
        return self.class_names or tuple(map(str, range(self.num_classes)))

    def class_counts(self) -> dict[str, int]:
        """Count the labeled samples of each class, by its name."""
        labels = self.y[self.y >= 0]
        counts = labels.bincount(minlength=self.num_classes).tolist()
        return dict(zip(self.label_names, counts, strict=True))

    def describe(self, most: int = 12) -> dict[str, str]:
        """Describe split, excluded files and classes, a line each; the first `most` by name.

        Titles with nothing to report are absent.
        """
        lines = {"split": self.split_from, "excluded": _count_list(self.excluded, most)}
        if self.num_classes > 1:
            lines["classes"] = f"{self.num_classes:,}: {_count_list(self.class_counts(), most)}"
        return {title: line for title, line in lines.items() if line}

    def summary(self) -> dict[str, object]:
        """Return split_from, excluded and classes with their counts, for summary.json."""
        classes = self.class_counts() if self.num_classes > 1 else {}
        excluded = dict(self.excluded)
        return {"split_from": self.split_from, "excluded": excluded, "classes": classes}

    def gather(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return the samples at index (n,), scaled for the networks, with their labels."""
        return to_float(self.x.index_select(0, index)), self.y.index_select(0, index)

    def sample_with_labels(self, y: Tensor, rng: torch.Generator) -> Tensor:
        """Sample indices (n,) of samples that have the labels y (n,).

        For a label without samples, as when all images of a class are broken, any sample will do.
        """
        order = torch.randperm(len(self), generator=rng).to(self.y.device)
        labels = self.y.index_select(0, order)
        wanted, indices = y.to(self.y.device), torch.empty_like(y, device=self.y.device)
        for label in wanted.unique().tolist():
            selected, with_label = wanted == label, order[labels == label]
            candidates = with_label if len(with_label) else order
            count = int(selected.sum())
            indices[selected] = candidates.repeat(-(-count // len(candidates)))[:count]
        return indices

    def fingerprint(self) -> str:
        """Hash samples and labels, equally on any machine."""
        digest = self.digest or hashlib.sha256(_bytes(self.x)).hexdigest()
        header = f"{tuple(self.x.shape)} {self.x.dtype} {digest} ".encode()
        return hashlib.sha256(header + _bytes(self.y)).hexdigest()[:16]


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostDataset(InMemoryDataset):
    """A dataset in host memory, or in a mapped file, that is copied to a device by batches.

    Attributes:
        target: device of the batches.
        workers: threads that prefetch them.
    """

    target: torch.device
    workers: int

    @property
    def device(self) -> torch.device:
        """Device of the batches."""
        return self.target

    def loader(
        self, batch_size: int, seed: int, class_balanced: bool = False, ranks: Ranks | None = None
    ) -> BatchLoader:
        """Create a loader of the batches that samples on the device give for the same seed."""
        order = (seed, class_balanced, ranks)
        return PrefetchLoader(self, batch_size, *order, self.target, self.workers)


def _bytes(x: Tensor) -> memoryview:
    """Return the bytes of a tensor in row-major order."""
    return memoryview(x.cpu().contiguous().numpy()).cast("B")


def checked_dataset(
    x: np.ndarray, y: np.ndarray, path: Path, class_names: Sequence[str] = ()
) -> InMemoryDataset:
    """Make a dataset of a file's images (N, C, H, W) uint8 and labels (N,) int64.

    Raises ConfigError naming the file for no images, another number of labels, or a label without
    a class name (other than 0, where there are no names).
    """
    num_classes = max(1, len(class_names))
    if not len(x) or len(x) != len(y):
        allowed = f"holds {len(x)} images and {len(y)} labels"
    elif y.min() < 0 or y.max() >= num_classes:
        allowed = f"has labels {y.min()} to {y.max()}, not 0 to {num_classes - 1}"
    else:
        tensors = (torch.from_numpy(x), torch.from_numpy(y))
        return InMemoryDataset(*tensors, num_classes, class_names=tuple(class_names))
    raise ConfigError("dataset.root", path, allowed)


def _count_list(counts: Mapping[str, int], most: int) -> str:
    """List names with their counts: the first `most`, and the range of the others."""
    listed = [f"{name} ({count:,})" for name, count in list(counts.items())[:most]]
    others = list(counts.values())[most:]
    if others:
        listed.append(f"and {len(others):,} more of {count_range(others)}")
    return ", ".join(listed)


def count_range(counts: Sequence[int]) -> str:
    """Return the smallest and the largest of some counts, or the one that all are."""
    least, most = min(counts), max(counts)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
