"""Batches in an order that the seed fixes, and that nothing else can disturb.

Whether samples live on the device or stream to it, a run sees the same batches.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from gan_zoo.data.samples import Samples

_AHEAD = 4  # batches that each worker fetches before they are asked for


class Order:
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
            draws = torch.Generator().manual_seed((self.seed + epoch) % 2**63)
            order = torch.randperm(self.count, generator=draws)
            self._order, self._epoch = order.to(self.device), epoch
        return self._order


class Feed:
    """Endless batches of samples, on the device where these are.

    Attributes:
        position: samples given so far. A feed is known by this alone: set it to go on from there.
    """

    def __init__(self, samples: "Samples", batch_size: int, seed: int):
        self.samples, self.batch_size = samples, batch_size
        self.position = 0
        self.order = Order(len(samples), batch_size, seed, samples.x.device)

    def next(self) -> tuple[Tensor, Tensor]:
        """Samples (batch_size, *shape) as the networks see them, and labels (batch_size,)."""
        batch = self.samples.take(self.order.at(self.position))
        self.position += self.batch_size
        return batch


class Stream(Feed):
    """The batches of a `Feed`, fetched ahead by worker processes and sent to another device.

    Args:
        samples: on the CPU, or in a file mapped into its memory.
        device: where the batches are to be.
        workers: number of processes; 0 fetches each batch when it is asked for.
    """

    def __init__(
        self, samples: "Samples", batch_size: int, seed: int, device: torch.device, workers: int
    ):
        super().__init__(samples, batch_size, seed)
        self.device, self.workers = device, workers
        self._batches: Iterator[tuple[Tensor, Tensor]] = iter(())
        self._reached = -1  # position of the next batch that is being fetched

    def next(self) -> tuple[Tensor, Tensor]:
        """Samples (batch_size, *shape) as the networks see them, and labels (batch_size,)."""
        from gan_zoo.data.samples import to_float

        if self.position != self._reached:
            self._batches = iter(self._loader())
        x, y = next(self._batches)
        self.position += self.batch_size
        self._reached = self.position
        # bytes travel, not floats, and from pinned memory without anybody waiting
        return to_float(x.to(self.device, non_blocking=True)), y.to(self.device, non_blocking=True)

    def _loader(self) -> "torch.utils.data.DataLoader":
        """Batches from the present position on, for ever."""
        from torch.utils.data import DataLoader

        # fork: spawned workers would copy the samples, and cannot start inside joblib's processes
        context: dict[str, Any] = {"multiprocessing_context": "fork", "prefetch_factor": _AHEAD}
        return DataLoader(
            _Rows(self.samples),
            batch_sampler=_indices(self.order, self.position),
            num_workers=self.workers,
            collate_fn=_as_it_is,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # its own: the run's noise must not depend on the feed
            **(context if self.workers else {}),
        )


def _indices(order: Order, position: int) -> Iterator[Any]:
    """The batches' indices from a position on.

    No method of the stream, which must not be part of a cycle: ending its workers from within the
    garbage collector takes five seconds.
    """
    while True:
        yield order.at(position).numpy()
        position += order.batch_size


class _Rows:
    """Samples as the loader wants them: a whole batch in one call."""

    def __init__(self, samples: "Samples"):
        self.x, self.y = samples.x, samples.y

    def __len__(self) -> int:
        return len(self.x)

    def __getitems__(self, index: Any) -> tuple[Tensor, Tensor]:
        chosen = torch.from_numpy(index)
        return self.x.index_select(0, chosen), self.y.index_select(0, chosen)


def _as_it_is(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return batch
