"""Frechet and kernel distance between real and fake features."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Gaussian(NamedTuple):
    """Mean (d,) and unbiased covariance (d, d), float64."""

    mean: Tensor
    covariance: Tensor


def fit(x: Tensor) -> Gaussian:
    """Fit a Gaussian to samples x (N, d), N at least 2."""
    x = x.double()
    return Gaussian(x.mean(0), torch.cov(x.T).reshape(x.shape[1], x.shape[1]))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """Return |mean difference|^2 + tr(A + B - 2 (A B)^(1/2)), in squared feature units.

    Heusel et al. 2017 (arXiv:1706.08500, eq. 6); Dowson & Landau 1982. It is the square of a
    distance, and biased upwards for small N: compare only at equal N.
    """
    # (A B)^(1/2) has the trace of (R B R)^(1/2) with R = A^(1/2), which is symmetric: its
    # eigenvalues are real and cheap, also where N < d leaves A singular and sqrtm fails
    values, vectors = torch.linalg.eigh(a.covariance)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp_min(0).sqrt().sum()
    shift = (a.mean - b.mean).square().sum()
    distance = shift + a.covariance.trace() + b.covariance.trace() - 2 * cross
    return max(0.0, float(distance))  # rounding can make that of equal samples negative


class Estimate(NamedTuple):
    """A mean over random subsets, and its standard error over these."""

    value: float
    error: float


def kernel_distance(
    real: Tensor, fake: Tensor, rng: torch.Generator, *, subsets: int = 100, size: int = 1000
) -> Estimate:
    """Estimate MMD^2 by its mean over random subsets of features real (N, d) and fake (M, d).

    Binkowski et al. 2018 (arXiv:1801.01401, section 4): k(x, y) = (x.y / d + 1)^3. Unbiased, so it
    may be slightly negative for equal distributions. Each subset has min(size, N, M) samples; where
    that is all of them, there is only one subset, and the error is nan. rng is on the CPU.
    """
    size = min(size, len(real), len(fake))
    if size == max(len(real), len(fake)):
        subsets = 1
    values = torch.stack(
        [polynomial_mmd(_choose(real, size, rng), _choose(fake, size, rng)) for _ in range(subsets)]
    )
    error = values.std().item() / subsets**0.5 if subsets > 1 else math.nan
    return Estimate(values.mean().item(), error)


def polynomial_mmd(x: Tensor, y: Tensor) -> Tensor:
    """Return the unbiased MMD^2 between x (N, d) and y (M, d), a float64 scalar.

    Gretton et al. 2012, eq. 3: no sample is compared with itself.
    """
    x, y = x.double(), y.double()
    within = [
        (total - diagonal) / (len(part) * (len(part) - 1))
        for part in (x, y)
        for total, diagonal in [_sum_of_kernel(part)]
    ]
    return within[0] + within[1] - 2 * _kernel(x, y).mean()


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T).div_(x.shape[1]).add_(1).pow_(3)


def _sum_of_kernel(x: Tensor) -> tuple[Tensor, Tensor]:
    kernel = _kernel(x, x)
    return kernel.sum(), kernel.trace()


def _choose(x: Tensor, size: int, rng: torch.Generator) -> Tensor:
    return x[torch.randperm(len(x), generator=rng)[:size].to(x.device)]
