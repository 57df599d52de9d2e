"""Mixtures of Gaussians in the plane, with exactly known density and modes."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from gan_zoo.data.dataset import Dataset, DataSpec
from gan_zoo.schema import ConfigError, CountInt, PositiveFloat, PositiveInt, settings

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gan_zoo.data.in_memory import InMemoryDataset


@settings
class Mixture(Dataset):
    """Gaussians of one sigma around given centers: the base of ring, grid and spiral.

    Attributes:
        sigma: standard deviation of each mode.
        count: number of points of each split.
        weights: share of each mode, normalized; equal where empty.
        seed: of the points, not of the run that trains on them.
    """

    grid_size: ClassVar[int] = 2048  # samples in one plot

    sigma: PositiveFloat
    count: PositiveInt = 100_000
    weights: tuple[PositiveFloat, ...] = ()
    seed: CountInt = 0

    def check(self) -> None:
        """Raise ConfigError unless there is a weight for each mode, or none, and a sum of them."""
        modes = len(self.centers())
        if self.weights and len(self.weights) != modes:
            raise ConfigError("weights", list(self.weights), f"must have {modes} entries, or none")
        if math.isinf(sum(self.weights)):
            raise ConfigError("weights", list(self.weights), "must have a finite sum")

    def spec(self) -> DataSpec:
        return DataSpec((2,), 1, self.count)

    def centers(self) -> list[tuple[float, float]]:
        """Return the center of each mode."""
        raise NotImplementedError

    def shares(self) -> list[float]:
        """Return the probability of each mode; they sum to 1."""
        weights = self.weights or (1.0,) * len(self.centers())
        return [weight / math.fsum(weights) for weight in weights]

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Sample points (count, 2) of the training or the test split; y = 0 everywhere."""
        import torch

        from gan_zoo.data.in_memory import InMemoryDataset
        from gan_zoo.data.splits import split_seed

        rng = torch.Generator().manual_seed(split_seed(self.seed, split))
        centers = torch.tensor(self.centers(), dtype=torch.float64)
        shares = torch.tensor(self.shares(), dtype=torch.float64)
        modes = torch.multinomial(shares, self.count, replacement=True, generator=rng)
        noise = torch.randn(self.count, 2, generator=rng, dtype=torch.float64)
        points = centers[modes] + self.sigma * noise
        return InMemoryDataset(points.float(), torch.zeros(self.count, dtype=torch.int64))

    def render(
        self, x: "Tensor", columns: int | None = None, rows: Sequence[str] = ()
    ) -> "np.ndarray":
        """Plot points over the true modes, uint8 (H, W, 3)."""
        from gan_zoo.data.plots import plot_points

        return plot_points(x, self.centers(), self.sigma)


@settings
class Ring(Mixture):
    """Modes evenly spaced on a circle; by default the 8 of VEEGAN, Srivastava et al. 2017."""

    sigma: PositiveFloat = 0.01
    modes: PositiveInt = 8
    radius: PositiveFloat = 1.0

    def centers(self) -> list[tuple[float, float]]:
        # 2 pi is excluded: it is 0 again, and would double that mode's weight
        angles = [2 * math.pi * i / self.modes for i in range(self.modes)]
        return [(self.radius * math.cos(a), self.radius * math.sin(a)) for a in angles]


@settings
class Grid(Mixture):
    """Modes on a square grid; by default the 25 at {-4, -2, 0, 2, 4} of VEEGAN."""

    sigma: PositiveFloat = 0.05
    side: PositiveInt = 5
    spacing: PositiveFloat = 2.0

    def centers(self) -> list[tuple[float, float]]:
        ticks = [self.spacing * (i - (self.side - 1) / 2) for i in range(self.side)]
        return [(u, v) for u in ticks for v in ticks]


@settings
class Spiral(Mixture):
    """Modes along an Archimedean spiral: a curved, connected support that is still a mixture.

    Attributes:
        modes: number of Gaussians; close together they overlap into one band.
        turns: number of revolutions; radius: of the outer end.
    """

    sigma: PositiveFloat = 0.05
    modes: PositiveInt = 60
    turns: PositiveFloat = 2.0
    radius: PositiveFloat = 2.0

    def centers(self) -> list[tuple[float, float]]:
        # on r = radius t, angle = 2 pi turns t the arc grows like t^2: roots are spaced evenly
        times = [math.sqrt((i + 1) / self.modes) for i in range(self.modes)]
        angles = [2 * math.pi * self.turns * t for t in times]
        return [
            (self.radius * t * math.cos(a), self.radius * t * math.sin(a))
            for t, a in zip(times, angles, strict=True)
        ]
