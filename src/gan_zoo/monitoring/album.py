"""Pictures of a run: real samples once, generated ones from the same latent vectors throughout."""

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_zoo.architectures.players import Generator, in_evaluation_mode
from gan_zoo.data.samples import Samples
from gan_zoo.monitoring.reading import Transfer

_NAMED = 2  # classes in one row of a grid

Picture = Callable[[], np.ndarray]  # makes it, uint8 (H, W, 3)


def picture_labels(count: int, num_classes: int) -> Tensor:
    """Labels (count,) in equal blocks, so that a grid has its classes in order."""
    return torch.arange(count) * num_classes // count


def columns_for(count: int, num_classes: int) -> int | None:
    """Columns that give each class rows of its own, if there are classes and room for them."""
    return count // num_classes if 1 < num_classes <= count else None


def row_names(y: Tensor, columns: int | None, class_names: Sequence[str]) -> list[str]:
    """Names beside the rows of a grid of samples with the labels y (N,): the classes in each.

    Empty where they are those of the row above, or too many to be named.
    """
    columns = columns or math.ceil(math.sqrt(len(y)))
    rows = [part.unique_consecutive().tolist() for part in y.split(columns)] if class_names else []
    names = [", ".join(class_names[i] for i in row) if len(row) <= _NAMED else "" for row in rows]
    return ["" if above == name else name for above, name in zip(["", *names], names, strict=False)]


@torch.no_grad()
def draw_samples(generator: Generator, z: Tensor, y: Tensor) -> Tensor:
    """Samples of a generator in evaluation mode, which is left as it was found."""
    return in_evaluation_mode(generator, lambda: generator(z, y))


class Album:
    """Draws what a generator makes of fixed latent vectors and labels.

    Args:
        dataset: knows how its samples are shown, and how many.
        generator: the one to show.
        noise: stream of the fixed latent vectors.
        class_names: shown beside the rows of a grid; empty for none.
    """

    def __init__(
        self,
        dataset: Any,
        generator: Generator,
        noise: torch.Generator,
        class_names: Sequence[str] = (),
    ):
        self.dataset, self.generator = dataset, generator
        classes = generator.num_classes
        # of more classes than fit, a picture shows some, evenly spaced
        count = dataset.pictured // classes * classes or dataset.pictured
        self.columns = columns_for(count, classes)
        self.z = generator.sample_z(count, noise)
        y = picture_labels(count, classes)
        self.rows = row_names(y, self.columns, class_names)
        self.y = y.to(self.z.device)
        self._twin = copy.deepcopy(generator)

    def fake(self) -> Picture:
        """The generator's samples now, as a picture to be made in one other thread.

        A GPU draws them while the loop goes on. Elsewhere that thread does, with a copy of the
        weights, which takes the loop less time than the pass.
        """
        if self.z.is_cuda:
            return self._picture(draw_samples(self.generator, self.z, self.y))
        weights = {name: value.clone() for name, value in self.generator.state_dict().items()}
        return partial(self._drawn, weights)

    def _drawn(self, weights: dict[str, Tensor]) -> np.ndarray:
        """The picture of a generator with these weights."""
        self._twin.load_state_dict(weights)
        drawn = draw_samples(self._twin, self.z, self.y)
        return self.dataset.picture(drawn, self.columns, self.rows)

    def real(self, samples: Samples, draws: torch.Generator) -> Picture:
        """Real samples with the same labels, drawn at random, as a picture to be made."""
        chosen, _ = samples.take(samples.alike(self.y, draws))
        return self._picture(chosen)

    def _picture(self, samples: Tensor) -> Picture:
        sent = Transfer(samples)
        return lambda: self.dataset.picture(sent.wait(), self.columns, self.rows)
