"""Samples over the classes that a classifier sees in them."""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_zoo.metrics.modes import reverse_kl

CONFIDENT = 0.9


class ClassShares(NamedTuple):
    """Samples counted by class.

    Attributes:
        histogram: float64 (K,), share of samples whose likeliest class it is.
        assigned: share of samples that the classifier gives a class with probability 0.9 or more.
    """

    histogram: Tensor
    assigned: float

    @property
    def hit(self) -> int:
        """Classes with at least one sample."""
        return int((self.histogram > 0).sum())

    @property
    def largest(self) -> float:
        """Share of the most frequent class."""
        return self.histogram.max().item()

    @property
    def entropy(self) -> float:
        """Entropy of the histogram in nats: log K where all K classes are equally frequent."""
        return 0.0 - torch.xlogy(self.histogram, self.histogram).sum().item()  # not -0.0

    def reverse_kl(self, real: Tensor) -> float:
        """KL in nats from this histogram to that of real samples (K,), both counted alike."""
        return reverse_kl(self.histogram, real)


def class_shares(probabilities: Tensor) -> ClassShares:
    """Count samples by their class probabilities (N, K)."""
    confidence, label = probabilities.max(1)
    counts = torch.bincount(label, minlength=probabilities.shape[1]).double()
    return ClassShares(counts / len(label), (confidence >= CONFIDENT).double().mean().item())


def class_fidelity(probabilities: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Of each class, the share (num_classes,) of samples asked for as it that are seen as it.

    probabilities (N, K) are a classifier's, y (N,) the labels asked for. NaN where none was asked.
    """
    asked = torch.bincount(y, minlength=num_classes)
    right = torch.bincount(y[probabilities.argmax(1) == y], minlength=num_classes)
    return right.double() / asked
