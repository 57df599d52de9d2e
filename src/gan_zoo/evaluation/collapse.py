"""Signs of collapse that cost one small batch and no reading back to the host."""

import torch
from torch import Tensor

from gan_zoo.metrics.precision_recall import distance_blocks

_DOUBLE = 0.01  # of the median distance between a real sample and its nearest other


class CollapseStats:
    """Compares batches of fakes with one batch of real samples (N, *shape), N at least 2."""

    def __init__(self, real: Tensor):
        distances = _distances(real)
        self.spread = _spread(distances)
        self.near = _DOUBLE * _nearest_other(distances).median()

    def measure(self, fake: Tensor) -> dict[str, Tensor]:
        """Scalars on the device, for fakes (N, *shape) as many as the reals.

        health/distance_ratio: mean distance between two samples, 1 being that of real ones.
        health/duplicates: share of samples that have a double.
        """
        distances = _distances(fake)
        doubles = (_nearest_other(distances) <= self.near).to(fake.dtype)
        return {
            "health/distance_ratio": _spread(distances) / self.spread,
            "health/duplicates": doubles.mean(),
        }


def _distances(x: Tensor) -> Tensor:
    """Distances (N, N) between samples of x (N, ...), float64: equal samples must be at 0."""
    flat = x.flatten(1)
    return torch.cat([block for _, block in distance_blocks(flat, flat)]).sqrt()


def _spread(distances: Tensor) -> Tensor:
    """Mean distance between two different samples, a scalar."""
    count = len(distances)
    return distances.sum() / (count * (count - 1))


def _nearest_other(distances: Tensor) -> Tensor:
    """Distance (N,) from each sample to the nearest of the others; the very nearest is itself."""
    return distances.topk(2, largest=False).values[:, 1]
