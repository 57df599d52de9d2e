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
    b = b.double() - centre
    b_squared = b.square().sum(1)
    for start in range(0, len(a), _ROWS):
        rows = slice(start, min(start + _ROWS, len(a)))
        part = a[rows].double() - centre
        block = torch.addmm(b_squared, part, b.T, alpha=-2)
        yield rows, block.add_(part.square().sum(1, keepdim=True)).clamp_min_(0)


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
    """Distance (N,) and index (N,) of the sample of bank (M, d) nearest to each query (N, d).

    Goes through the bank by blocks, so that it may be a mapped file of bytes.
    """
    least = torch.full((len(queries),), torch.inf, dtype=torch.float64, device=queries.device)
    index = torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
    for rows, block in distance_blocks(bank, queries):
        found, place = block.min(0)
        index = torch.where(found < least, place + rows.start, index)
        least = torch.minimum(found, least)
    return least.sqrt(), index
