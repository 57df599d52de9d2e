"""Generated samples by predicted class, and the error of a critic that classifies."""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_zoo.architectures.networks import Critic, eval_mode
from gan_zoo.data.in_memory import InMemoryDataset

CONFIDENT = 0.9


class ClassShares(NamedTuple):
    """Distribution of samples over predicted classes.

    Attributes:
        histogram: float64 (K,), share of samples predicted as each class.
        confident: share of samples whose class has a probability of at least 0.9.
    """

    histogram: Tensor
    confident: float

    @property
    def covered(self) -> int:
        """Number of classes with at least one sample."""
        return int((self.histogram > 0).sum())

    @property
    def largest(self) -> float:
        """Share of the most frequent class."""
        return self.histogram.max().item()

    @property
    def entropy(self) -> float:
        """Entropy of the histogram in nats: log K where all K classes are equally frequent."""
        return 0.0 - torch.xlogy(self.histogram, self.histogram).sum().item()  # not -0.0


def class_shares(probabilities: Tensor) -> ClassShares:
    """Count samples by their class probabilities (N, K)."""
    confidence, label = probabilities.max(1)
    counts = torch.bincount(label, minlength=probabilities.shape[1]).double()
    return ClassShares(counts / len(label), (confidence >= CONFIDENT).double().mean().item())


def per_class_accuracy(probabilities: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Return the share (num_classes,) of each class's samples that are predicted as that class.

    probabilities (N, K) are a classifier's, y (N,) the requested labels. NaN for a class without
    samples.
    """
    counts = torch.bincount(y, minlength=num_classes)
    correct = torch.bincount(y[probabilities.argmax(1) == y], minlength=num_classes)
    return correct.double() / counts


_CHUNK = 500


@torch.no_grad()
def classification_error(critic: Critic, samples: InMemoryDataset, device: torch.device) -> float:
    """Return the share of samples whose label is not argmax_y D(x, y), which is argmin_y L(x, y).

    In evaluation mode, so that predictions are independent: Qi 2017 (arXiv:1701.06264, section 6).
    """
    wrong = torch.zeros((), dtype=torch.int64, device=device)
    with eval_mode(critic):
        for indices in torch.arange(len(samples), device=samples.x.device).split(_CHUNK):
            x, y = (part.to(device) for part in samples.gather(indices))
            wrong += (critic.scores(x).argmax(-1) != y).sum()
    return wrong.item() / len(samples)
