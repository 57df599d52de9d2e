"""Batches in an order that the seed fixes, and that nothing else can disturb."""

import torch
from torch import Tensor

from gan_zoo.data.samples import Samples


class Feed:
    """Endless batches; each epoch visits every sample once, in an order of its own.

    The order of an epoch depends on the seed and the epoch's number alone, so that a feed is known
    by how many samples it has given. A batch may hold the end of one epoch and the start of the
    next: none is short.
    """

    def __init__(self, samples: Samples, batch_size: int, seed: int):
        self.samples, self.batch_size, self.seed = samples, batch_size, seed
        self.position = 0  # samples given so far
        self._order, self._epoch = torch.empty(0, dtype=torch.int64), -1

    def next(self) -> tuple[Tensor, Tensor]:
        """Samples (batch_size, *shape) and labels (batch_size,), on the samples' device."""
        wanted, parts = self.batch_size, []
        while wanted:
            start = self.position % len(self.samples)
            part = self._order_of(self.position // len(self.samples))[start : start + wanted]
            parts.append(part)
            self.position += len(part)
            wanted -= len(part)
        return self.samples.take(parts[0] if len(parts) == 1 else torch.cat(parts))

    def _order_of(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            draws = torch.Generator().manual_seed((self.seed + epoch) % 2**63)
            order = torch.randperm(len(self.samples), generator=draws)
            self._order, self._epoch = order.to(self.samples.x.device), epoch
        return self._order
