"""Batches in an order that the seed fixes, and that nothing else can disturb.

Whether samples live on the device or stream to it, a run sees the same batches.
"""

from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gan_zoo.devices import single_core_pool

if TYPE_CHECKING:
    from gan_zoo.data.in_memory import InMemoryDataset

_ROUNDED = 4096  # samples that are drawn at once, at least, where classes are balanced
_AHEAD = 4  # batches that each thread fetches before they are asked for
_TOGETHER = 16  # batches gathered at once, at most: a small one costs more to ask for than to copy
_BYTES = {"cpu": 1 << 16, "cuda": 1 << 26}  # of them: what stays in a cache, what nobody misses


class ShuffleSampler:
    """Which samples make the batch at a position.

    The order of an epoch depends on the seed and the epoch's number alone, and each epoch visits
    every sample once. A batch may hold the end of one epoch and the start of the next: none is
    short.
    """

    def __init__(self, count: int, batch_size: int, seed: int, device: torch.device):
        self.count, self.batch_size, self.seed, self.device = count, batch_size, seed, device
        self._order, self._epoch = torch.empty(0, dtype=torch.int64), -1

    def at(self, position: int) -> Tensor:
        """Indices (batch_size,) of the samples that follow the first `position` ones."""
        wanted, parts = self.batch_size, []
        while wanted:
            start = position % self.count
            part = self._of(position // self.count)[start : start + wanted]
            parts.append(part)
            position += len(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _of(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            rng = torch.Generator().manual_seed((self.seed + epoch) % 2**63)
            self._order, self._epoch = self._drawn(rng), epoch
        return self._order

    def _drawn(self, rng: torch.Generator) -> Tensor:
        return torch.randperm(self.count, generator=rng).to(self.device)


class ClassBalancedSampler(ShuffleSampler):
    """Batches with all classes equally often, however many samples these have.

    Each of an epoch's rounds goes once through the classes, in an order of its own, and takes a
    sample of each at random.
    """

    def __init__(self, y: Tensor, batch_size: int, seed: int):
        self._places = y.sort(stable=True).indices
        self._sizes = y.bincount()
        self._starts = self._sizes.cumsum(0) - self._sizes
        self._classes = self._sizes.nonzero().squeeze(1)
        self._rounds = -(-_ROUNDED // len(self._classes))
        super().__init__(self._rounds * len(self._classes), batch_size, seed, y.device)

    def _drawn(self, rng: torch.Generator) -> Tensor:
        shares = torch.rand(self._rounds, len(self._classes), generator=rng)
        classes = self._classes[shares.argsort(1).to(self.device)].flatten()
        shares = torch.rand(len(classes), generator=rng, dtype=torch.float64).to(self.device)
        return self._places[self._starts[classes] + (shares * self._sizes[classes]).long()]


class SemiSupervisedSampler:
    """Batches whose first half is labeled, where most labels are hidden.

    Drawn from all samples alike, hardly a batch would hold a label. Each half goes through its own
    samples by an `ShuffleSampler` of its own.
    """

    def __init__(self, y: Tensor, batch_size: int, seed: int):
        self.batch_size = batch_size
        sizes = (batch_size // 2, batch_size - batch_size // 2)
        self.indices = [(y >= 0).nonzero().squeeze(1), (y < 0).nonzero().squeeze(1)]
        self.orders = [
            ShuffleSampler(len(indices), size, seed ^ half << 40, y.device)
            for half, (indices, size) in enumerate(zip(self.indices, sizes, strict=True))
        ]

    def at(self, position: int) -> Tensor:
        """Indices (batch_size,) of the samples that follow the first `position` ones."""
        batch = position // self.batch_size
        parts = zip(self.indices, self.orders, strict=True)
        return torch.cat([indices[order.at(batch * order.batch_size)] for indices, order in parts])


class BatchLoader:
    """Endless batches of samples, on the device where these are.

    Attributes:
        position: samples given so far. A feed is known by this alone: set it to go on from there.
        has_unlabeled: whether any of them has a hidden label.
    """

    order: ShuffleSampler | SemiSupervisedSampler

    def __init__(
        self, samples: "InMemoryDataset", batch_size: int, seed: int, class_balanced: bool = False
    ):
        self.samples, self.batch_size = samples, batch_size
        self.position = 0
        self.has_unlabeled = samples.has_unlabeled
        if self.has_unlabeled:
            self.order = SemiSupervisedSampler(samples.y, batch_size, seed)
        elif class_balanced:
            self.order = ClassBalancedSampler(samples.y, batch_size, seed)
        else:
            self.order = ShuffleSampler(len(samples), batch_size, seed, samples.x.device)
        size = 4 * batch_size * samples.x[0].numel()  # bytes of a batch, as floats
        self._together = min(_TOGETHER, max(1, _BYTES[samples.x.device.type] // size))
        self._gathered: list[tuple[Tensor, Tensor]] = []
        self._reached = self.position

    def next(self) -> tuple[Tensor, Tensor]:
        """Samples (batch_size, *shape) as the networks see them, and labels (batch_size,)."""
        if not self._gathered or self.position != self._reached:
            reached = range(self.position, self.position + self._together * self.batch_size)
            indices = [self.order.at(position) for position in reached[:: self.batch_size]]
            parts = (
                part.split(self.batch_size) for part in self.samples.gather(torch.cat(indices))
            )
            self._gathered = list(zip(*parts, strict=True))[::-1]
        self._reached = self.position = self.position + self.batch_size
        return self._gathered.pop()


class PrefetchLoader(BatchLoader):
    """The batches of a `BatchLoader`, fetched ahead by threads and sent to another device.

    Threads, not processes: a sample is bytes that are ready, in memory or in a mapped file, and
    copying them leaves Python's lock alone. Nothing is forked, pickled or passed through a pipe.

    Args:
        samples: on the CPU, or in a file mapped into its memory.
        device: where the batches are to be.
        workers: number of threads.
    """

    def __init__(
        self,
        samples: "InMemoryDataset",
        batch_size: int,
        seed: int,
        device: torch.device,
        workers: int,
        class_balanced: bool = False,
    ):
        super().__init__(samples, batch_size, seed, class_balanced)
        self.device = device
        self._threads = single_core_pool(workers, "feed")
        self._ahead: deque[Future[tuple[Tensor, Tensor]]] = deque(maxlen=_AHEAD * workers)
        self._reached = self._asked = -1  # positions of the first batch ahead, and past the last

    def next(self) -> tuple[Tensor, Tensor]:
        """Samples (batch_size, *shape) as the networks see them, and labels (batch_size,)."""
        from gan_zoo.data.in_memory import to_float

        if self.position != self._reached:
            self._ahead.clear()
            self._reached = self._asked = self.position
        while len(self._ahead) < (self._ahead.maxlen or 0):
            index, pinned = self.order.at(self._asked), self.device.type == "cuda"
            self._ahead.append(self._threads.submit(_fetch, self.samples, index, pinned))
            self._asked += self.batch_size
        x, y = self._ahead.popleft().result()
        self._reached = self.position = self.position + self.batch_size
        # bytes travel, not floats, and from pinned memory without anybody waiting
        x, y = (part.to(self.device, non_blocking=True) for part in (x, y))
        return to_float(x), y


def _fetch(samples: "InMemoryDataset", index: Tensor, pinned: bool) -> tuple[Tensor, Tensor]:
    """The samples and labels at index (n,), in memory that a GPU can read by itself if pinned."""
    parts = []
    for whole in (samples.x, samples.y):
        part = torch.empty(len(index), *whole.shape[1:], dtype=whole.dtype, pin_memory=pinned)
        parts.append(torch.index_select(whole, 0, index, out=part))
    return parts[0], parts[1]
