"""Precision, recall, density and coverage; distances by blocks of rows, to bound the memory."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

_ROWS = 1000  # 1000 x 10,000 float64 distances are 80 MB
_BLOCK = _ROWS * 10_000  # numbers of a block of distances, or of samples


class Gathered(NamedTuple):
    """Samples x (N, *shape) in another order (M,), read when needed: x may be a mapped file."""

    x: Tensor
    order: Tensor

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, rows: Any) -> Tensor:
        return self.x[self.order[rows]]


def distance_blocks(a: Tensor | Gathered, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield squared Euclidean distances from a (N, d) to b (M, d) as (rows of a, block (rows, M)).

    float64. Rounding errors are about 1e-15 of the samples' squared norm, hence the centering.
    """
    center = b.double().mean(0)
    b = b.double() - center
    b_squared = b.square().sum(1)
    most = max(1, min(_ROWS, _BLOCK // b.shape[1]))
    for start in range(0, len(a), most):
        rows = slice(start, min(start + most, len(a)))
        part = a[rows].flatten(1).double() - center
        block = torch.addmm(b_squared, part, b.T, alpha=-2)
        yield rows, block.add_(part.square().sum(1, keepdim=True)).clamp_min_(0)


def neighbor_distances(x: Tensor, k: int) -> Tensor:
    """Return squared distances (N, k) from each sample of x (N, d) to its k nearest others.

    Ascending. Raises ValueError unless there are more than k samples.
    """
    if len(x) <= k:
        raise ValueError(f"{k} nearest others need more than {k} samples, there are {len(x)}")
    blocks = []
    for rows, block in distance_blocks(x, x):
        block.diagonal(rows.start).fill_(torch.inf)  # a sample is not its own neighbor
        blocks.append(block.topk(k, largest=False).values)
    return torch.cat(blocks)


def nearest(queries: Tensor, bank: Tensor | Gathered) -> tuple[Tensor, Tensor]:
    """Return distance (N,) and index (N,) of each query's (N, d) nearest of M samples of a bank."""
    least = torch.full((len(queries),), torch.inf, dtype=torch.float64, device=queries.device)
    index = torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
    for rows, block in distance_blocks(bank, queries):
        block_least, block_index = block.min(0)
        index = torch.where(block_least < least, block_index + rows.start, index)
        least = torch.minimum(block_least, least)
    return least.sqrt(), index


PRECISION_K, DENSITY_K = 3, 5  # as in their papers


class Manifold(NamedTuple):
    """Shares in [0, 1]; density exceeds 1 where fakes cluster around real samples."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(real: Tensor, fake: Tensor, real_neighbors: Tensor | None = None) -> Manifold:
    """Measure precision, recall, density and coverage of features real (N, d) and fake (M, d).

    Precision and recall, Kynkaanniemi et al. 2019 (arXiv:1904.06991, eqs. 1-2): the share of fakes
    inside the ball of any real sample, whose radius is the distance to its 3rd nearest other, edge
    included, and the reverse. Density and coverage, Naeem et al. 2020 (arXiv:2002.09797, eqs. 4-5):
    radii reach to the 5th nearest other, edge excluded; density counts the balls that contain each
    fake, coverage the real samples whose ball contains a fake.

    real_neighbors: `neighbor_distances(real, 5)` if already computed. Raises ValueError unless
    there are more than 5 real samples and more than 3 fakes.
    """
    if real_neighbors is None:
        real_neighbors = neighbor_distances(real, DENSITY_K)
    real_wide, real_narrow = real_neighbors[:, DENSITY_K - 1], real_neighbors[:, PRECISION_K - 1]
    fake_narrow = neighbor_distances(fake, PRECISION_K)[:, -1]
    inside = torch.zeros(len(fake), dtype=torch.bool, device=fake.device)
    recalled, covered, ball_count = [], [], 0
    for rows, block in distance_blocks(real, fake):
        inside |= (block <= real_narrow[rows, None]).any(0)
        recalled.append((block <= fake_narrow).any(1))
        covered.append(block.min(1).values < real_wide[rows])
        ball_count += int(torch.count_nonzero(block < real_wide[rows, None]))
    return Manifold(
        precision=inside.double().mean().item(),
        recall=torch.cat(recalled).double().mean().item(),
        density=ball_count / (DENSITY_K * len(fake)),
        coverage=torch.cat(covered).double().mean().item(),
    )
