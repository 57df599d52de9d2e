"""Samples in memory: bytes for images, floats for points, and the batches made of them."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gan_zoo.data.loader import BatchLoader, PrefetchLoader
from gan_zoo.schema import ConfigError


@dataclasses.dataclass(frozen=True)
class InMemoryDataset:
    """A dataset in memory, on any device.

    Attributes:
        x: uint8 images (N, C, H, W), or float32 points (N, 2).
        y: int64 labels (N,), all 0 where there are none; -1 - k where the label is hidden and k a
            guess, at first at random.
        num_classes: labels lie in [0, num_classes).
        digest: SHA-256 of the bytes of x, if it is known already.
        class_names: one name for each label, in their order; empty where none are known.
        split_from: how training and test samples were separated, in a few words; empty where the
            dataset is published with its own split.
        excluded: number of files that were not used, by reason.
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
        """Where the batches of a feed are."""
        return self.x.device

    @property
    def size(self) -> int:
        """Bytes of samples and labels."""
        return self.x.nbytes + self.y.nbytes

    @property
    def has_unlabeled(self) -> bool:
        """Whether any label is hidden."""
        return bool((self.y < 0).any())

    def loader(self, batch_size: int, seed: int, class_balanced: bool = False) -> BatchLoader:
        """Endless batches of these samples, in an order of the seed's.

        Half of each is labeled where labels are hidden; else classes may be balanced.
        """
        return BatchLoader(self, batch_size, seed, class_balanced)

    def to(self, device: torch.device) -> "InMemoryDataset":
        """The same samples on another device."""
        return dataclasses.replace(self, x=self.x.to(device), y=self.y.to(device))

    def unlabeled(self) -> "InMemoryDataset":
        """The same samples as one class."""
        return dataclasses.replace(self, y=torch.zeros_like(self.y), num_classes=1, class_names=())

    def drop_labels(self, per_class: float, rng: torch.Generator) -> "InMemoryDataset":
        """The same samples with `per_class` labels of each class, or that share of them, left.

        The others are hidden; each is given a guess instead, all classes equally often.
        Raises ConfigError where a class has not so many.
        """
        order = torch.randperm(len(self), generator=rng).to(self.y.device)
        kept = [self._some(order, label, per_class) for label in range(self.num_classes)]
        asked = torch.randperm(len(self), generator=rng).to(self.y.device) % self.num_classes
        y, shown = -1 - asked, torch.cat(kept)
        y[shown] = self.y[shown]
        return dataclasses.replace(self, y=y)

    def _some(self, order: Tensor, label: int, per_class: float) -> Tensor:
        """Places of the first samples in the order that have the label; see `drop_labels`."""
        indices = order[self.y[order] == label]
        count = round(per_class * len(indices)) if per_class < 1 else int(per_class)
        if not 0 < count <= len(indices):
            allowed = f"class {label} has {len(indices)} samples"
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
        """The samples at index (n,), as the networks see them, with their labels."""
        return to_float(self.x.index_select(0, index)), self.y.index_select(0, index)

    def sample_with_labels(self, y: Tensor, rng: torch.Generator) -> Tensor:
        """Places (n,) of samples drawn at random that have the labels y (n,).

        Where no sample has a label, as when all images of a class are broken, any will do.
        """
        order = torch.randperm(len(self), generator=rng).to(self.y.device)
        labels = self.y.index_select(0, order)
        wanted, indices = y.to(self.y.device), torch.empty_like(y, device=self.y.device)
        for label in wanted.unique().tolist():
            here, with_label = wanted == label, order[labels == label]
            candidates = with_label if len(with_label) else order
            count = int(here.sum())
            indices[here] = candidates.repeat(-(-count // len(candidates)))[:count]
        return indices

    def fingerprint(self) -> str:
        """Hash of samples and labels: equal data, equal fingerprint, on any machine."""
        digest = self.digest or hashlib.sha256(_bytes(self.x)).hexdigest()
        described = f"{tuple(self.x.shape)} {self.x.dtype} {digest} ".encode()
        return hashlib.sha256(described + _bytes(self.y)).hexdigest()[:16]


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostDataset(InMemoryDataset):
    """Samples that stay in the host's memory, or in a file, and travel batch by batch.

    Attributes:
        target: device of the batches.
        workers: threads that fetch them.
    """

    target: torch.device
    workers: int

    @property
    def device(self) -> torch.device:
        """Where the batches of a feed are."""
        return self.target

    def loader(self, batch_size: int, seed: int, class_balanced: bool = False) -> BatchLoader:
        """The same batches as those of resident samples, for the same seed."""
        return PrefetchLoader(self, batch_size, seed, self.target, self.workers, class_balanced)


def _bytes(x: Tensor) -> memoryview:
    """The content of a tensor in its order of indices."""
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


def to_float(x: Tensor) -> Tensor:
    """Bytes 0..255 to floats in [-1, 1]; points stay as they are."""
    return x.to(torch.float32).div_(127.5).sub_(1) if x.dtype == torch.uint8 else x


def to_bytes(x: Tensor) -> Tensor:
    """Floats in [-1, 1] to bytes, rounded to the nearest and clamped."""
    return x.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def _count_list(counts: Mapping[str, int], most: int) -> str:
    """List names with their counts: the first `most`, and the range of the others."""
    listed = [f"{name} ({count:,})" for name, count in list(counts.items())[:most]]
    others = list(counts.values())[most:]
    if others:
        listed.append(f"and {len(others):,} more of {min(others):,} to {max(others):,}")
    return ", ".join(listed)
