"""Batches and random numbers of several runs as one of each."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gan_zoo.regularizers import RandomNumbers
from gan_zoo.training.noise import UpdateNoise


class StackedBatches:
    """The next batch of each run, samples (S, N, *shape) and labels (S, N)."""

    def __init__(self, loaders: Sequence[Any]):
        self._loaders = list(loaders)

    def next(self) -> tuple[Tensor, Tensor]:
        x, y = zip(*(loader.next() for loader in self._loaders), strict=True)
        return torch.stack(x), torch.stack(y)


class StackedNoise:
    """The random numbers of each run's next update."""

    def __init__(self, samplers: Sequence[Any]):
        self._samplers = list(samplers)

    def of_critic(self) -> UpdateNoise:
        return _stack_noise([sampler.of_critic() for sampler in self._samplers])

    def of_generator(self) -> UpdateNoise:
        return _stack_noise([sampler.of_generator() for sampler in self._samplers])


def _stack_noise(each: Sequence[UpdateNoise]) -> UpdateNoise:
    z = torch.stack([noise.z for noise in each])
    users = zip(*(noise[1:] for noise in each), strict=True)
    return UpdateNoise(z, *(RandomNumbers(*map(_stack, zip(*user, strict=True))) for user in users))


def _stack(parts: Sequence[Tensor | None]) -> Tensor | None:
    return None if parts[0] is None else torch.stack([part for part in parts if part is not None])
