"""Sliced Wasserstein distance: optimal transport along many lines, where sorting solves it."""

import math

import torch
from torch import Tensor


def directions(count: int, dimension: int, draws: torch.Generator) -> Tensor:
    """Unit vectors (count, dimension): evenly turned in the plane, drawn uniformly elsewhere."""
    if dimension == 2:
        angles = torch.arange(count, dtype=torch.float64) * math.pi / count
        return torch.stack([angles.cos(), angles.sin()], 1)
    normal = torch.randn(count, dimension, generator=draws, dtype=torch.float64)
    return normal / normal.norm(dim=1, keepdim=True)


def sliced_wasserstein(x: Tensor, y: Tensor, lines: Tensor) -> float:
    """Sliced 2-Wasserstein distance of x (N, d) and y (N, d) along unit vectors (L, d).

    Bonneel et al. 2015: root of the mean over lines of W2^2 of the projections; in the units of
    the samples. Two points at distance r in the plane have r / sqrt(2). Raises ValueError where
    the sample counts differ.
    """
    if len(x) != len(y):
        raise ValueError(f"sliced Wasserstein pairs {len(x)} samples with {len(y)}")
    lines = lines.to(x.device)
    sorted_x, sorted_y = ((cloud.double() @ lines.T).sort(0).values for cloud in (x, y))
    return (sorted_x - sorted_y).square().mean().sqrt().item()
