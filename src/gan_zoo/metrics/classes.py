"""Samples over the classes that a classifier sees in them."""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_zoo.architectures.networks import Critic, in_evaluation_mode
from gan_zoo.data.in_memory import InMemoryDataset
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


def per_class_accuracy(probabilities: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Of each class, the share (num_classes,) of samples asked for as it that are seen as it.

    probabilities (N, K) are a classifier's, y (N,) the labels asked for. NaN where none was asked.
    """
    asked = torch.bincount(y, minlength=num_classes)
    right = torch.bincount(y[probabilities.argmax(1) == y], minlength=num_classes)
    return right.double() / asked


_CHUNK = 500


@torch.no_grad()
def classification_error(critic: Critic, samples: InMemoryDataset, device: torch.device) -> float:
    """Share of samples for which argmax_y D(x, y), which is argmin_y L(x, y), is not the label.

    In evaluation mode, so that no sample's answer depends on the others: Qi 2017
    (arXiv:1701.06264, section 6).
    """
    wrong = torch.zeros((), dtype=torch.int64, device=device)

    def classify() -> None:
        for indices in torch.arange(len(samples), device=samples.x.device).split(_CHUNK):
            x, y = (part.to(device) for part in samples.gather(indices))
            wrong.add_((critic.scores(x).argmax(-1) != y).sum())

    in_evaluation_mode(critic, classify)
    return wrong.item() / len(samples)
