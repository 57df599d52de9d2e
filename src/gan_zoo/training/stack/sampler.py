"""Samples for the evaluations of a stack: those of several runs in one pass."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_zoo.architectures.networks import Generator, generate, has_convolutions, in_chunks
from gan_zoo.training.stack.block import StackBlock

_CHUNK = 256  # samples of each run in a pass: more leave the cache of a core
_MOST_NUMBERS = 2**26  # of samples that wait for their runs' evaluations: 256 MiB


class StackSampler:
    """Generates samples as `networks.generate` does, for all runs of a block at the first request.

    Evaluations of a stack ask for the same latent vectors and labels, one run after the other.
    Samples of the others wait for their requests. Large pictures, and convolutions on a CPU, where
    one pass for all takes twice as long, are generated for each run alone.

    Args:
        blocks: of the stack.
    """

    def __init__(self, blocks: Sequence[StackBlock]):
        self._networks = {
            id(generator): block.ema_generators
            for block in blocks
            for generator in block.ema_generators.networks
        }
        self._waiting: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    @torch.no_grad()
    def __call__(self, generator: Generator, z: Tensor, y: Tensor) -> Tensor:
        """Return samples (N, *shape) of one of the runs' generators for z (N, z_dim), y (N,)."""
        network = self._networks[id(generator)]
        of_z, of_y, x = self._waiting.pop(id(generator), (None, None, None))
        if x is not None and torch.equal(z, of_z) and torch.equal(y, of_y):
            return x
        numbers = generator(z[:1], y[:1]).numel() * len(z) * len(network.networks)
        slow = z.device.type == "cpu" and has_convolutions(generator)
        if slow or numbers > _MOST_NUMBERS:
            return generate(generator, z, y)
        of_all = in_chunks(network.of_shared, z, y, _CHUNK, dim=1)
        self._waiting |= {
            id(each): (z, y, x) for each, x in zip(network.networks, of_all, strict=True)
        }
        return self._waiting.pop(id(generator))[2]

    def clear(self) -> None:
        """Forget samples that wait: after further steps they are old."""
        self._waiting.clear()
