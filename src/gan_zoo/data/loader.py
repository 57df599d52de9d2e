"""Endless batches in an order determined by the seed alone.

A run gets the same batches whether its samples are on the device or in host memory.
"""

from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gan_zoo.devices import copies_asynchronously, single_core_pool
from gan_zoo.ranks import Ranks

if TYPE_CHECKING:
    from gan_zoo.data.in_memory import InMemoryDataset

_EPOCH = 4096  # samples in an epoch, at least, where classes are balanced
_PREFETCH = 4  # batches that each thread fetches ahead
_GATHER = 16  # batches gathered at once, at most: small ones cost more to launch than to copy
_CPU_BYTES, _GPU_BYTES = 1 << 16, 1 << 26  # of them: fits a cache; small beside a GPU's memory


class ShuffleSampler:
    """Sampler of indices for the batch at any position, reshuffled each epoch.

    The order of an epoch depends on the seed and the epoch's number alone, and each epoch visits
    every sample once. A batch may hold the end of one epoch and the start of the next: all are
    full.
    """

    def __init__(self, count: int, batch_size: int, seed: int, device: torch.device):
        self.count, self.batch_size, self.seed, self.device = count, batch_size, seed, device
        self._order, self._epoch = torch.empty(0, dtype=torch.int64), -1

    def at(self, position: int) -> Tensor:
        """Return indices (batch_size,) of the samples after the first `position` ones."""
        wanted, parts = self.batch_size, []
        while wanted:
            start = position % self.count
            part = self._epoch_order(position // self.count)[start : start + wanted]
            parts.append(part)
            position += len(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _epoch_order(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            rng = torch.Generator().manual_seed((self.seed + epoch) % 2**63)
            self._order, self._epoch = self._shuffle(rng), epoch
        return self._order

    def _shuffle(self, rng: torch.Generator) -> Tensor:
        return torch.randperm(self.count, generator=rng).to(self.device)


class ClassBalancedSampler(ShuffleSampler):
    """Sampler of all classes equally often, however many samples they have.

    Each of an epoch's rounds goes once through the classes, in a new order, and takes a random
    sample of each.
    """

    def __init__(self, y: Tensor, batch_size: int, seed: int):
        device, y = y.device, y.cpu()  # each epoch is sampled on the CPU: some devices lack float64
        self._by_class = y.sort(stable=True).indices
        self._sizes = y.bincount()
        self._starts = self._sizes.cumsum(0) - self._sizes
        self._classes = self._sizes.nonzero().squeeze(1)
        self._rounds = -(-_EPOCH // len(self._classes))
        super().__init__(self._rounds * len(self._classes), batch_size, seed, device)

    def _shuffle(self, rng: torch.Generator) -> Tensor:
        shares = torch.rand(self._rounds, len(self._classes), generator=rng)
        classes = self._classes[shares.argsort(1)].flatten()
        shares = torch.rand(len(classes), generator=rng, dtype=torch.float64)
        chosen = self._starts[classes] + (shares * self._sizes[classes]).long()
        return self._by_class[chosen].to(self.device)


class SemiSupervisedSampler:
    """Sampler of batches whose first half is labeled, for datasets with few labels.

    Uniform sampling would give hardly any labels. Each half has its own `ShuffleSampler`.
    """

    def __init__(self, y: Tensor, batch_size: int, seed: int):
        self.batch_size = batch_size
        sizes = (batch_size // 2, batch_size - batch_size // 2)
        self.indices = [(y >= 0).nonzero().squeeze(1), (y < 0).nonzero().squeeze(1)]
        self.samplers = [
            ShuffleSampler(len(indices), size, seed ^ half << 40, y.device)
            for half, (indices, size) in enumerate(zip(self.indices, sizes, strict=True))
        ]

    def at(self, position: int) -> Tensor:
        """Return indices (batch_size,) of the samples after the first `position` ones."""
        batch = position // self.batch_size
        halves = zip(self.indices, self.samplers, strict=True)
        return torch.cat([indices[half.at(batch * half.batch_size)] for indices, half in halves])


class BatchLoader:
    """Endless batches of samples, on the device of the samples.

    With several ranks, a batch is one's share of `batch_size` samples; other samples are not read.

    Attributes:
        position: number of samples so far. It is the loader's whole state: set it to resume.
        has_unlabeled: whether any sample is unlabeled.
    """

    sampler: ShuffleSampler | SemiSupervisedSampler

    def __init__(
        self,
        samples: "InMemoryDataset",
        batch_size: int,
        seed: int,
        class_balanced: bool = False,
        ranks: Ranks | None = None,
    ):
        self.samples, self.batch_size = samples, batch_size
        self.ranks = ranks or Ranks()
        self.position = 0
        self.has_unlabeled = samples.has_unlabeled
        if self.has_unlabeled:
            self.sampler = SemiSupervisedSampler(samples.y, batch_size, seed)
        elif class_balanced:
            self.sampler = ClassBalancedSampler(samples.y, batch_size, seed)
        else:
            self.sampler = ShuffleSampler(len(samples), batch_size, seed, samples.x.device)
        size = 4 * self.share_size * samples.x[0].numel()  # bytes of a batch, as floats
        most = _CPU_BYTES if samples.x.device.type == "cpu" else _GPU_BYTES
        self._gather_count = min(_GATHER, max(1, most // size))
        self._gathered: list[tuple[Tensor, Tensor]] = []
        self._next_position = self.position

    @property
    def share_size(self) -> int:
        """Samples of a batch that this process loads."""
        return self.batch_size // self.ranks.count

    def index(self, position: int) -> Tensor:
        """Return indices (share_size,) of the samples to load from the batch at a position."""
        return self.ranks.share(self.sampler.at(position))

    def next(self) -> tuple[Tensor, Tensor]:
        """Return samples (share_size, *shape) scaled for the networks, and labels (share_size,)."""
        if not self._gathered or self.position != self._next_position:
            end = self.position + self._gather_count * self.batch_size
            starts = range(self.position, end, self.batch_size)
            x, y = self.samples.gather(torch.cat([self.index(start) for start in starts]))
            batches = zip(x.split(self.share_size), y.split(self.share_size), strict=True)
            self._gathered = list(batches)[::-1]
        self._next_position = self.position = self.position + self.batch_size
        return self._gathered.pop()


class PrefetchLoader(BatchLoader):
    """The batches of a `BatchLoader`, prefetched by threads and copied to another device.

    Threads, not processes: samples are decoded bytes, in memory or in a mapped file, and copying
    them does not hold Python's lock. Nothing is forked, pickled or passed through a pipe.

    Args:
        samples: on the CPU, or in a file mapped into its memory.
        device: of the batches.
        workers: number of threads.
    """

    def __init__(
        self,
        samples: "InMemoryDataset",
        batch_size: int,
        seed: int,
        class_balanced: bool,
        ranks: Ranks | None,
        device: torch.device,
        workers: int,
    ):
        super().__init__(samples, batch_size, seed, class_balanced, ranks)
        self.device = device
        self._threads = single_core_pool(workers, "loader")
        self._queue: deque[Future[tuple[Tensor, Tensor]]] = deque(maxlen=_PREFETCH * workers)
        self._next_position = self._queue_end = -1  # positions of the queue's first batch and end

    def next(self) -> tuple[Tensor, Tensor]:
        """Return samples (share_size, *shape) scaled for the networks, and labels (share_size,)."""
        if self.position != self._next_position:
            self._queue.clear()
            self._next_position = self._queue_end = self.position
        asynchronous = copies_asynchronously(self.device)
        while len(self._queue) < (self._queue.maxlen or 0):
            index = self.index(self._queue_end)
            self._queue.append(self._threads.submit(_fetch, self.samples, index, asynchronous))
            self._queue_end += self.batch_size
        x, y = self._queue.popleft().result()
        self._next_position = self.position = self.position + self.batch_size
        # copies bytes, not floats, and if possible asynchronously, from pinned memory
        x, y = (part.to(self.device, non_blocking=asynchronous) for part in (x, y))
        return to_float(x), y


def _fetch(samples: "InMemoryDataset", index: Tensor, pinned: bool) -> tuple[Tensor, Tensor]:
    """Gather the samples and labels at index (n,), into pinned memory for copies to a GPU."""
    parts = []
    for whole in (samples.x, samples.y):
        part = torch.empty(len(index), *whole.shape[1:], dtype=whole.dtype, pin_memory=pinned)
        parts.append(torch.index_select(whole, 0, index, out=part))
    return parts[0], parts[1]


def to_float(x: Tensor) -> Tensor:
    """Scale bytes 0..255 to floats in [-1, 1]; return points unchanged."""
    return x.to(torch.float32).div_(127.5).sub_(1) if x.dtype == torch.uint8 else x


def to_bytes(x: Tensor) -> Tensor:
    """Scale floats in [-1, 1] to bytes, rounded to the nearest and clamped."""
    return x.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
