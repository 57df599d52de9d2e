"""Jensen-Shannon divergence between points and a mixture whose density is known."""

import math

import torch
from torch import Tensor

_SECTORS = 4
_SHELLS = (0.25, 0.5, 0.75, 1 - math.exp(-4.5))  # shares of a plane Gaussian within; last: 3 sigma
CELLS_PER_MODE = _SECTORS * (len(_SHELLS) + 1)


def cells(x: Tensor, centres: Tensor, sigma: float) -> Tensor:
    """Cell (N,) of each point x (N, 2), numbered from 0: 20 for each of the K centres (K, 2).

    A point's nearest centre, the quarter of the turn around it, and its distance: three shells of
    a quarter of the mode's mass each, one to 3 sigma, and everything beyond.
    """
    x, centres = x.double(), centres.double()
    distance, mode = torch.cdist(x, centres, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    edges = [sigma * math.sqrt(-2 * math.log(1 - share)) for share in _SHELLS]
    shell = torch.bucketize(distance, torch.tensor(edges, dtype=torch.float64, device=x.device))
    offset = x - centres[mode]
    turn = torch.atan2(offset[:, 1], offset[:, 0]) / (2 * math.pi) + 0.5
    sector = (turn * _SECTORS).long().clamp_max(_SECTORS - 1)
    return (mode * (len(_SHELLS) + 1) + shell) * _SECTORS + sector


def jensen_shannon(counts: Tensor, weights: Tensor) -> float:
    """JSD in nats of two histograms (K,), each normalized; between 0 and log 2."""
    p, q = counts.double() / counts.sum(), weights.double() / weights.sum()
    middle = (p + q) / 2
    one_sided = [(torch.xlogy(side, side) - torch.xlogy(side, middle)).sum() for side in (p, q)]
    return (sum(one_sided) / 2).clamp_min(0).item()


def mixture_divergence(x: Tensor, true: Tensor, centres: Tensor, sigma: float) -> float:
    """JSD in nats between the cells of points x (N, 2) and of draws `true` (M, 2) of the mixture.

    What is estimated: the divergence of the two distributions over `cells`, not over the plane. No
    partition can show more divergence than there is, so with many samples it is a lower bound of
    the true one. With few it is too high: a perfect sampler gets about cells / 8 (1/N + 1/M).
    """
    count = CELLS_PER_MODE * len(centres)
    found, expected = (
        torch.bincount(cells(points, centres, sigma), minlength=count) for points in (x, true)
    )
    return jensen_shannon(found, expected)


def optimal_critic_loss(divergence: float) -> float:
    """Least loss that a critic can have in the original GAN: 2 log 2 - 2 JSD, in nats.

    Goodfellow et al. 2014, theorem 1, with the sign of a loss: the critic minimises
    E softplus(-D(x)) + E softplus(D(G(z))). From a lower bound of the JSD follows an upper bound:
    a critic whose loss stays above it sees less than the cells show.
    """
    return 2 * math.log(2) - 2 * divergence
