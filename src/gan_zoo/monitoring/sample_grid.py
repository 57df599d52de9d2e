"""Pictures of a run: real samples once, generated ones from the same latent vectors throughout."""

import copy
import io
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_zoo.architectures.networks import Generator, generate
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.monitoring.async_scalars import HostCopy

_NAMED = 2  # classes in one row of a grid

Picture = Callable[[], np.ndarray]  # makes it, uint8 (H, W, 3)


def grid_labels(count: int, num_classes: int) -> Tensor:
    """Labels (count,) in equal blocks, so that a grid has its classes in order."""
    return torch.arange(count) * num_classes // count


def grid_columns(count: int, num_classes: int) -> int | None:
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


class SampleGrid:
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
        count = dataset.grid_size // classes * classes or dataset.grid_size
        self.columns = grid_columns(count, classes)
        self.z = generator.sample_z(count, noise)
        y = grid_labels(count, classes)
        self.rows = row_names(y, self.columns, class_names)
        self.y = y.to(self.z.device)
        self._twin = copy.deepcopy(generator)

    def fake(self) -> Picture:
        """The generator's samples now, as a picture to be made in one other thread.

        A GPU draws them while the loop goes on. Elsewhere that thread does, with a copy of the
        weights, which takes the loop less time than the pass.
        """
        if self.z.is_cuda:
            return self._picture(generate(self.generator, self.z, self.y))
        weights = {name: value.clone() for name, value in self.generator.state_dict().items()}
        return partial(self._drawn, weights)

    def _drawn(self, weights: dict[str, Tensor]) -> np.ndarray:
        """The picture of a generator with these weights."""
        self._twin.load_state_dict(weights)
        drawn = generate(self._twin, self.z, self.y)
        return self.dataset.render(drawn, self.columns, self.rows)

    def real(self, samples: InMemoryDataset, rng: torch.Generator) -> Picture:
        """Real samples with the same labels, drawn at random, as a picture to be made."""
        chosen, _ = samples.gather(samples.sample_with_labels(self.y, rng))
        return self._picture(chosen)

    def _picture(self, samples: Tensor) -> Picture:
        sent = HostCopy(samples)
        return lambda: self.dataset.render(sent.wait(), self.columns, self.rows)


class Png(NamedTuple):
    """The content of a PNG file, and its size in pixels."""

    content: bytes
    height: int
    width: int


def encode_png(pixels: np.ndarray) -> Png:
    """A picture, uint8 (H, W, 3), as a file: quickly rather than as small as could be."""
    from PIL import Image  # imported by the thread that writes, while training begins

    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG", compress_level=1)
    return Png(encoded.getvalue(), *pixels.shape[:2])
