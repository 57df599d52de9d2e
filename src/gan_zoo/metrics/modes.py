"""Samples of a mixture compared with its modes and density."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

HIGH_QUALITY_SIGMAS = 3.0
_DISTANCES = 10_000_000  # in memory at a time


class ModeCounts(NamedTuple):
    """Distribution of samples over modes.

    Attributes:
        histogram: float64 (K,), share of all samples that are high-quality samples of each mode.
            Its sum is 1 - exp(-4.5) = 98.89 % for a perfect sampler in the plane; more means that
            the modes have shrunk.
        largest: largest share of samples, of any quality, with the same nearest center.
    """

    histogram: Tensor
    largest: float

    @property
    def modes_captured(self) -> int:
        """Number of modes with at least one high-quality sample."""
        return int((self.histogram > 0).sum())

    @property
    def high_quality(self) -> float:
        """Share of high-quality samples."""
        return self.histogram.sum().item()


def nearest(x: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distance (N,) of each point x (N, d) to its nearest center (K, d), and its number.

    A part of the points at a time: distances to thousands of centers would fill the memory.
    """
    found = [
        torch.cdist(part, centers, compute_mode="donot_use_mm_for_euclid_dist").min(1)
        for part in x.split(max(1, _DISTANCES // len(centers)))
    ]
    return torch.cat([each.values for each in found]), torch.cat([each.indices for each in found])


def mode_counts(x: Tensor, centers: Tensor, sigma: float) -> ModeCounts:
    """Count points x (N, d) over modes at centers (K, d).

    Srivastava et al. 2017 (VEEGAN, arXiv:1705.07761): a point belongs to its nearest center, and
    has high quality within 3 sigma of it.
    """
    distance, mode = nearest(x.double(), centers.double())
    good = mode[distance < HIGH_QUALITY_SIGMAS * sigma]
    counts = torch.bincount(good, minlength=len(centers)).double()
    return ModeCounts(counts / len(x), torch.bincount(mode).max().item() / len(x))


def reverse_kl(counts: Tensor, weights: Tensor) -> float:
    """Return KL(q || p) in nats of counts q (K,) and true weights p (K,), each normalized.

    Missed modes cost little, overweighted modes much: log K where one of K equal modes has all
    samples. Infinite where all counts are 0.
    """
    if counts.sum() == 0:
        return math.inf
    q, p = counts.double() / counts.sum(), weights.double() / weights.sum()
    return (torch.xlogy(q, q) - torch.xlogy(q, p)).sum().item()


_SECTORS = 4
_SHELLS = (
    0.25,
    0.5,
    0.75,
    1 - math.exp(-4.5),
)  # mass of a plane Gaussian inside each; last: 3 sigma
CELLS_PER_MODE = _SECTORS * (len(_SHELLS) + 1)


def cells(x: Tensor, centers: Tensor, sigma: float) -> Tensor:
    """Return the cell (N,) of each point x (N, 2), numbered from 0: 20 for each center (K, 2).

    A cell is a nearest center, a quadrant around it, and a shell of distances: three with a quarter
    of the mode's mass each, one to 3 sigma, and one beyond.
    """
    x, centers = x.double(), centers.double()
    distance, mode = nearest(x, centers)
    edges = [sigma * math.sqrt(-2 * math.log(1 - share)) for share in _SHELLS]
    shell = torch.bucketize(distance, torch.tensor(edges, dtype=torch.float64, device=x.device))
    offset = x - centers[mode]
    angle = torch.atan2(offset[:, 1], offset[:, 0]) / (2 * math.pi) + 0.5
    sector = (angle * _SECTORS).long().clamp_max(_SECTORS - 1)
    return (mode * (len(_SHELLS) + 1) + shell) * _SECTORS + sector


def jensen_shannon(counts: Tensor, weights: Tensor) -> float:
    """Return the JSD in nats of two histograms (K,), each normalized; between 0 and log 2."""
    p, q = counts.double() / counts.sum(), weights.double() / weights.sum()
    middle = (p + q) / 2
    one_sided = [(torch.xlogy(side, side) - torch.xlogy(side, middle)).sum() for side in (p, q)]
    return (sum(one_sided) / 2).clamp_min(0).item()


def mixture_divergence(x: Tensor, true: Tensor, centers: Tensor, sigma: float) -> float:
    """Return the JSD in nats between points x (N, 2) and samples `true` (M, 2) over `cells`.

    With many samples a lower bound of the JSD over the plane, which no partition exceeds. With few
    it is biased upwards: a perfect sampler gets about cells / 8 (1/N + 1/M).
    """
    count = CELLS_PER_MODE * len(centers)
    found, expected = (
        torch.bincount(cells(points, centers, sigma), minlength=count) for points in (x, true)
    )
    return jensen_shannon(found, expected)


def optimal_critic_loss(divergence: float) -> float:
    """Return the least critic loss of the original GAN for a JSD in nats: 2 log 2 - 2 JSD.

    Goodfellow et al. 2014, theorem 1, with the sign of a loss: the critic minimizes
    E softplus(-D(x)) + E softplus(D(G(z))). A lower bound of the JSD gives an upper bound of the
    loss: a critic whose loss stays above it distinguishes less than the cells do.
    """
    return 2 * math.log(2) - 2 * divergence


def directions(count: int, dimension: int, rng: torch.Generator) -> Tensor:
    """Return unit vectors (count, dimension): evenly spaced in the plane, else uniformly random."""
    if dimension == 2:
        angles = torch.arange(count, dtype=torch.float64) * math.pi / count
        return torch.stack([angles.cos(), angles.sin()], 1)
    normal = torch.randn(count, dimension, generator=rng, dtype=torch.float64)
    return normal / normal.norm(dim=1, keepdim=True)


def sliced_wasserstein(x: Tensor, y: Tensor, lines: Tensor) -> float:
    """Return the sliced 2-Wasserstein distance of x (N, d) and y (N, d) along unit vectors (L, d).

    Bonneel et al. 2015: root of the mean over lines of W2^2 of the projections; in the units of
    the samples. Two points at distance r in the plane have r / sqrt(2). Raises ValueError where
    the sample counts differ.
    """
    if len(x) != len(y):
        raise ValueError(f"sliced Wasserstein pairs {len(x)} samples with {len(y)}")
    lines = lines.to(x.device)
    sorted_x, sorted_y = ((points.double() @ lines.T).sort(0).values for points in (x, y))
    return (sorted_x - sorted_y).square().mean().sqrt().item()
