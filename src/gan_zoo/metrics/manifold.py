"""Fidelity and diversity apart: do fakes fall among the reals, and reals among the fakes?"""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_zoo.metrics.neighbours import distance_blocks, neighbour_distances

PRECISION_K, DENSITY_K = 3, 5  # as their papers have them


class Manifold(NamedTuple):
    """Shares in [0, 1], but for density, which exceeds 1 where fakes crowd around reals."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(
    real: Tensor,
    fake: Tensor,
    real_neighbours: Tensor | None = None,
    *,
    precision_k: int = PRECISION_K,
    density_k: int = DENSITY_K,
) -> Manifold:
    """Precision, recall, density and coverage of features real (N, d) and fake (M, d).

    Precision and recall, Kynkaanniemi et al. 2019 (arXiv:1904.06991, eqs. 1-2): the share of fakes
    inside some ball around a real that reaches to its 3rd nearest other, edge included, and the
    reverse. Density and coverage, Naeem et al. 2020 (arXiv:2002.09797, eqs. 4-5): balls reach to
    the 5th nearest other, edge excluded; density counts the balls around each fake, coverage the
    reals whose ball holds a fake.

    Either cloud needs more samples than there are neighbours; real_neighbours is
    `neighbour_distances(real, 5)`, where it is known already.
    """
    if real_neighbours is None:
        real_neighbours = neighbour_distances(real, max(precision_k, density_k))
    real_wide, real_narrow = real_neighbours[:, density_k - 1], real_neighbours[:, precision_k - 1]
    fake_narrow = neighbour_distances(fake, precision_k)[:, -1]
    precise = torch.zeros(len(fake), dtype=torch.bool, device=fake.device)
    recalled, covered, crowd = [], [], 0
    for rows, block in distance_blocks(real, fake):
        precise |= (block <= real_narrow[rows, None]).any(0)
        recalled.append((block <= fake_narrow).any(1))
        covered.append(block.min(1).values < real_wide[rows])
        crowd += int(torch.count_nonzero(block < real_wide[rows, None]))
    return Manifold(
        precision=precise.double().mean().item(),
        recall=torch.cat(recalled).double().mean().item(),
        density=crowd / (density_k * len(fake)),
        coverage=torch.cat(covered).double().mean().item(),
    )
