"""Frechet distance between two clouds of features, each taken for a Gaussian."""

from typing import NamedTuple

import torch
from torch import Tensor


class Gaussian(NamedTuple):
    """Mean (d,) and unbiased covariance (d, d), float64."""

    mean: Tensor
    covariance: Tensor


def fit(x: Tensor) -> Gaussian:
    """The Gaussian with the mean and covariance of samples x (N, d), N at least 2."""
    x = x.double()
    return Gaussian(x.mean(0), torch.cov(x.T).reshape(x.shape[1], x.shape[1]))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """|mean difference|^2 + tr(A + B - 2 (A B)^(1/2)), in squared feature units.

    Heusel et al. 2017 (arXiv:1706.08500, eq. 6); Dowson & Landau 1982. It is the square of a
    distance, and biased upwards for small N: compare only at equal N.
    """
    # (A B)^(1/2) has the trace of (R B R)^(1/2) with R = A^(1/2), which is symmetric: its
    # eigenvalues are real and cheap, also where N < d leaves A singular and sqrtm fails
    values, vectors = torch.linalg.eigh(a.covariance)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp_min(0).sqrt().sum()
    shift = (a.mean - b.mean).square().sum()
    return float(shift + a.covariance.trace() + b.covariance.trace() - 2 * cross)
