"""Real training samples with increasing damage, the same in every run."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.data.loader import to_bytes, to_float
from gan_zoo.data.mixtures import Mixture
from gan_zoo.metrics.damage import (
    BLUR,
    DROPPED_PIXELS,
    MISSING_CLASSES,
    MISSING_MODES,
    NOISE,
    OUTLIERS,
    SALT_AND_PEPPER,
    WIDER_MODES,
    Damage,
    Missing,
)
from gan_zoo.metrics.modes import nearest
from gan_zoo.training.rng import make_rng

DamagedSamples = Iterator[tuple[Damage, float, Tensor]]

_CHUNK = 500  # images in memory as floats


class DamagedImages:
    """Real images (n, C, H, W) as bytes, undamaged and with each kind of damage.

    Args:
        samples: training images with their labels; where there are fewer than n, they repeat.
        seed: of their choice and of all noise.
    """

    def __init__(self, samples: InMemoryDataset, n: int, seed: int):
        self.samples, self.n, self.seed = samples, n, seed
        self.order = torch.randperm(len(samples), generator=make_rng(seed, "damaged"))
        self.undamaged = samples.x[_repeat(self.order, n)]

    def __iter__(self) -> DamagedSamples:
        yield from self._damaged(NOISE, add_noise)
        yield from self._damaged(SALT_AND_PEPPER, add_salt_and_pepper)
        yield from self._damaged(DROPPED_PIXELS, drop_pixels)
        yield from self._damaged(BLUR, lambda x, amount, rng: blur(x, amount))
        labels = self.samples.y[self.order]
        yield from _without(MISSING_CLASSES, self.samples.x, self.order, labels, self.n)

    def _damaged(
        self, damage: Damage, apply: Callable[[Tensor, float, torch.Generator], Tensor]
    ) -> DamagedSamples:
        for amount in damage.amounts:
            rng = make_rng(self.seed, damage.name)  # the same noise, only more of it
            parts = (apply(to_float(part), amount, rng) for part in self.undamaged.split(_CHUNK))
            yield damage, amount, torch.cat([to_bytes(part) for part in parts])


class DamagedPoints:
    """Points (n, 2) of a mixture, undamaged and with each kind of damage.

    Args:
        seed: of their choice and of all noise.
    """

    def __init__(self, dataset: Mixture, n: int, seed: int):
        self.sigma, self.n, self.seed = dataset.sigma, n, seed
        self.x = dataset.train.x
        self.modes = nearest(self.x, torch.tensor(dataset.centers()))[1]
        self.order = torch.randperm(len(self.x), generator=make_rng(seed, "damaged"))
        self.undamaged = self.x[_repeat(self.order, n)]

    def __iter__(self) -> DamagedSamples:
        for width in WIDER_MODES.amounts:
            noise = torch.randn(self.n, 2, generator=make_rng(self.seed, WIDER_MODES.name))
            more = self.sigma * math.sqrt(width**2 - 1)
            yield WIDER_MODES, width, self.undamaged + more * noise
        low, high = self.x.amin(0), self.x.amax(0)
        for percent in OUTLIERS.amounts:
            rng = make_rng(self.seed, OUTLIERS.name)
            outside = torch.rand(self.n, 1, generator=rng) < percent / 100
            anywhere = low + (high - low) * torch.rand(self.n, 2, generator=rng)
            yield OUTLIERS, percent, torch.where(outside, anywhere, self.undamaged)
        yield from _without(MISSING_MODES, self.x, self.order, self.modes[self.order], self.n)


def add_noise(x: Tensor, amount: float, rng: torch.Generator) -> Tensor:
    """Add Gaussian noise of a standard deviation to images x (N, C, H, W) in [-1, 1]."""
    return x + amount * torch.randn(x.shape, generator=rng)


def add_salt_and_pepper(x: Tensor, percent: float, rng: torch.Generator) -> Tensor:
    """Make so many of the pixels black or white."""
    chosen = _pixels(x, percent, rng)
    value = 2.0 * torch.randint(2, chosen.shape, generator=rng) - 1
    return torch.where(chosen, value, x)


def drop_pixels(x: Tensor, percent: float, rng: torch.Generator) -> Tensor:
    """Make so many of the pixels black."""
    return x.masked_fill(_pixels(x, percent, rng), -1.0)


def blur(x: Tensor, sigma: float) -> Tensor:
    """Blur images x (N, C, H, W) by a Gaussian of sigma pixels; their edges are continued."""
    radius = math.ceil(3 * sigma)
    weights = torch.exp(-torch.arange(-radius, radius + 1).square() / (2 * sigma**2))
    weights = (weights / weights.sum()).view(1, 1, 1, -1)
    planes = x.flatten(0, 1).unsqueeze(1)
    padded = functional.pad(planes, (radius,) * 4, mode="replicate")
    rows = functional.conv2d(padded, weights)
    return functional.conv2d(rows, weights.transpose(2, 3)).view_as(x)


def _pixels(x: Tensor, percent: float, rng: torch.Generator) -> Tensor:
    """Choose so many of the pixels, bool (N, 1, H, W)."""
    return torch.rand(len(x), 1, *x.shape[2:], generator=rng) < percent / 100


def _without(damage: Missing, x: Tensor, order: Tensor, kinds: Tensor, n: int) -> DamagedSamples:
    """Yield n of the samples x at `order` (N,) without the last of their kinds (N,)."""
    present = kinds.unique()
    for count in damage.counts(len(present)):
        kept = order[torch.isin(kinds, present[: len(present) - count])]
        yield damage, float(count), x[_repeat(kept, n)]


def _repeat(indices: Tensor, n: int) -> Tensor:
    """Return the first n indices, from the first again where there are fewer."""
    return indices[torch.arange(n) % len(indices)]
