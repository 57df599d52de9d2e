"""The latent vectors of a run, in an order that the seed fixes."""

from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.players import Generator

_BLOCK = (
    16  # batches drawn at once: one batch of a small network costs more to ask for than to draw
)


class Latents:
    """Endless batches of latent vectors, drawn many at a time from the generator's prior.

    Args:
        generator: the network, which knows its prior and where it is.
        batch_size: vectors in a batch.
        draws: stream of random numbers, on the network's device; nobody else draws from it.
    """

    def __init__(self, generator: Generator, batch_size: int, draws: torch.Generator):
        self._generator, self._batch_size, self._draws = generator, batch_size, draws
        self._before, self._left = draws.get_state(), []

    def next(self) -> Tensor:
        """Latent vectors (batch_size, z_dim)."""
        if not self._left:
            self._draw()
        return self._left.pop()

    def state(self) -> dict[str, Any]:
        """Where the batches stand: the stream before the last block, and what was taken of it."""
        if not self._left:
            return {"before": self._draws.get_state(), "taken": 0}
        return {"before": self._before, "taken": _BLOCK - len(self._left)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on exactly from a state."""
        self._draws.set_state(state["before"])
        self._left = []
        for _ in range(state["taken"]):
            self.next()

    def _draw(self) -> None:
        self._before = self._draws.get_state()
        block = self._generator.sample_z(_BLOCK * self._batch_size, self._draws)
        self._left = list(reversed(block.split(self._batch_size)))
