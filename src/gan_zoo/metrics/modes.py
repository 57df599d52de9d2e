"""Samples over the modes of a mixture: which are hit, how well, and how evenly."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

HIGH_QUALITY_SIGMAS = 3.0


class Hits(NamedTuple):
    """Samples counted by mode.

    Attributes:
        histogram: float64 (K,), share of all samples that are of high quality in each mode; its
            sum is the share of high quality, 1 - exp(-4.5) = 98.89 % for a perfect sampler in the
            plane: more means that the modes have shrunk.
        largest: share of all samples, of whatever quality, that are nearest to one same centre.
    """

    histogram: Tensor
    largest: float

    @property
    def captured(self) -> int:
        """Modes with at least one sample of high quality."""
        return int((self.histogram > 0).sum())

    @property
    def high_quality(self) -> float:
        """Share of samples of high quality."""
        return self.histogram.sum().item()


def hits(x: Tensor, centres: Tensor, sigma: float) -> Hits:
    """Count points x (N, d) over modes at centres (K, d).

    Srivastava et al. 2017 (VEEGAN, arXiv:1705.07761): a point belongs to its nearest centre, and is
    of high quality if nearer to it than 3 sigma.
    """
    distance, mode = torch.cdist(
        x.double(), centres.double(), compute_mode="donot_use_mm_for_euclid_dist"
    ).min(1)
    good = mode[distance < HIGH_QUALITY_SIGMAS * sigma]
    counts = torch.bincount(good, minlength=len(centres)).double()
    return Hits(counts / len(x), torch.bincount(mode).max().item() / len(x))


def reverse_kl(counts: Tensor, weights: Tensor) -> float:
    """KL(q || p) in nats of found counts or shares q (K,) and true weights p (K,), each normalized.

    Modes that are missed cost little, modes that are too heavy much: log K where one of K equal
    modes has everything. Infinite where nothing was counted.
    """
    if counts.sum() == 0:
        return math.inf
    q, p = counts.double() / counts.sum(), weights.double() / weights.sum()
    return (torch.xlogy(q, q) - torch.xlogy(q, p)).sum().item()
