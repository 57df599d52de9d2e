"""Pictures of a run: real samples once, generated ones from the same latent vectors throughout."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_zoo.architectures.players import Generator
from gan_zoo.data.samples import Samples


def picture_labels(count: int, num_classes: int) -> Tensor:
    """Labels (count,) in equal blocks, so that a grid has its classes in order."""
    return torch.arange(count) * num_classes // count


def columns_for(count: int, num_classes: int) -> int | None:
    """Columns that give each class rows of its own, if there are classes."""
    return max(1, count // num_classes) if num_classes > 1 else None


@torch.no_grad()
def draw_samples(generator: Generator, z: Tensor, y: Tensor) -> Tensor:
    """Samples of a generator in evaluation mode, which is left as it was found."""
    training = generator.training
    samples = generator.eval()(z, y)
    generator.train(training)
    return samples


class Album:
    """Draws what a generator makes of fixed latent vectors and labels.

    Args:
        dataset: knows how its samples are shown, and how many.
        generator: the one to show.
        noise: stream of the fixed latent vectors.
    """

    def __init__(self, dataset: Any, generator: Generator, noise: torch.Generator):
        self.dataset, self.generator = dataset, generator
        classes = generator.num_classes
        count = max(dataset.pictured // classes, 1) * classes
        self.columns = columns_for(count, classes)
        self.z = generator.sample_z(count, noise)
        self.y = picture_labels(count, classes).to(self.z.device)

    def fake(self) -> np.ndarray:
        """The generator's samples now, uint8 (H, W, 3)."""
        samples = draw_samples(self.generator, self.z, self.y)
        return self.dataset.picture(samples, self.columns)

    def real(self, samples: Samples, draws: torch.Generator) -> np.ndarray:
        """Real samples with the same labels, drawn at random, uint8 (H, W, 3)."""
        order = torch.randperm(len(samples), generator=draws).to(samples.y.device)
        labels = samples.y.index_select(0, order)
        chosen = torch.empty_like(self.y)
        for label in self.y.unique().tolist():
            places = self.y == label
            candidates = order[labels == label]
            wanted = int(places.sum())
            chosen[places] = candidates.repeat(-(-wanted // len(candidates)))[:wanted]
        return self.dataset.picture(samples.take(chosen)[0], self.columns)
