"""Latent vectors of a run, determined by its seed."""

from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.networks import Generator

_BLOCK = (
    16  # batches drawn at once: one batch of a small network costs more to ask for than to draw
)


class LatentSampler:
    """Endless batches of latent vectors, drawn many at a time from the generator's prior.

    Args:
        generator: the network, which knows its prior and where it is.
        batch_size: vectors in a batch.
        rng: stream of random numbers, on the network's device; nobody else draws from it.
    """

    def __init__(self, generator: Generator, batch_size: int, rng: torch.Generator):
        self._generator, self._batch_size, self._rng = generator, batch_size, rng
        self._before, self._left = rng.get_state(), []

    def next(self) -> Tensor:
        """Latent vectors (batch_size, z_dim)."""
        if not self._left:
            self._draw()
        return self._left.pop()

    def state(self) -> dict[str, Any]:
        """State of the rng before the last block, and the number of batches taken from it."""
        if not self._left:
            return {"before": self._rng.get_state(), "taken": 0}
        return {"before": self._before, "taken": _BLOCK - len(self._left)}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume exactly from a state."""
        self._rng.set_state(state["before"])
        self._left = []
        for _ in range(state["taken"]):
            self.next()

    def _draw(self) -> None:
        self._before = self._rng.get_state()
        block = self._generator.sample_z(_BLOCK * self._batch_size, self._rng)
        self._left = list(reversed(block.split(self._batch_size)))
