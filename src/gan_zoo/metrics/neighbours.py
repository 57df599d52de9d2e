"""Distances between many samples, a block of rows at a time: no full matrix is ever in memory."""

from collections.abc import Iterator

import torch
from torch import Tensor

_ROWS = 1000  # 1000 x 10,000 float64 distances are 80 MB


def distance_blocks(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Squared Euclidean distances from a (N, d) to b (M, d), as (rows of a, block (rows, M)).

    float64. Rounding leaves about 1e-15 of the samples' own squared size, hence the centring.
    """
    centre = b.double().mean(0)
    a, b = a.double() - centre, b.double() - centre
    b_squared = b.square().sum(1)
    for start in range(0, len(a), _ROWS):
        rows = slice(start, min(start + _ROWS, len(a)))
        block = torch.addmm(b_squared, a[rows], b.T, alpha=-2)
        yield rows, block.add_(a[rows].square().sum(1, keepdim=True)).clamp_min_(0)


def neighbour_distances(x: Tensor, k: int) -> Tensor:
    """Squared distances (N, k) from each sample of x (N, d) to its k nearest others, ascending.

    Raises ValueError unless there are more than k samples.
    """
    if len(x) <= k:
        raise ValueError(f"{k} nearest others need more than {k} samples, there are {len(x)}")
    found = []
    for rows, block in distance_blocks(x, x):
        block.diagonal(rows.start).fill_(torch.inf)  # a sample is not its own neighbour
        found.append(block.topk(k, largest=False).values)
    return torch.cat(found)


def nearest(queries: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (N,) and index (N,) of the sample of bank (M, d) nearest to each query (N, d)."""
    found = [block.min(1) for _, block in distance_blocks(queries, bank)]
    return torch.cat([f.values for f in found]).sqrt(), torch.cat([f.indices for f in found])


def spread(x: Tensor) -> Tensor:
    """Mean distance between two different samples of x (N, ...), a scalar on x's device.

    Reads nothing back to the host; in x's own precision, for use while training.
    """
    flat = x.flatten(1)
    return torch.pdist(flat).mean() if x.device.type == "cpu" else _off_diagonal_mean(flat)


def _off_diagonal_mean(flat: Tensor) -> Tensor:
    distances = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.sum() / (len(flat) * (len(flat) - 1))


def duplicates(x: Tensor, near: Tensor) -> Tensor:
    """Share of the samples x (N, ...) that have another one within distance `near`, a scalar."""
    flat = x.flatten(1)
    distances = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    others = distances + torch.diag(torch.full_like(distances[0], torch.inf))
    return (others.min(1).values <= near).to(x.dtype).mean()
