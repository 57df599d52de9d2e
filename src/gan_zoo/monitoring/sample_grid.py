"""Grids of samples: real ones once, generated ones from the same latent vectors each time."""

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
from gan_zoo.training.meters import HostCopy

_MOST_NAMES = 2  # classes named beside one row of a grid


class Picture(NamedTuple):
    """Pixels, uint8 (H, W, 3), and where the tiles of a grid are; empty where there are none.

    `tiles` has height, width, columns and gap in pixels. The grid ends at the right edge.
    """

    pixels: np.ndarray
    tiles: str = ""

    def save(self, file: Any, **options: Any) -> None:
        """Write a PNG file, with `tiles` as its text: reports cut the grid by it."""
        from PIL import Image, PngImagePlugin  # by the thread that writes, while training begins

        text = PngImagePlugin.PngInfo()
        if self.tiles:
            text.add_text("tiles", self.tiles)
        Image.fromarray(self.pixels).save(file, "PNG", pnginfo=text, **options)


def render(
    dataset: Any, x: Tensor, columns: int | None = None, rows: Sequence[str] = ()
) -> Picture:
    """Render samples (N, *shape) as a dataset shows them: images as a grid, points as a plot."""
    from gan_zoo.data.plots import GAP

    pixels = dataset.render(x, columns, rows)
    columns = columns or math.ceil(math.sqrt(len(x)))
    return Picture(pixels, f"{x.shape[2]} {x.shape[3]} {columns} {GAP}" if x.dim() == 4 else "")


Draw = Callable[[], Picture]


def grid_labels(count: int, num_classes: int) -> Tensor:
    """Return labels (count,) in equal blocks, so that a grid has its classes in order."""
    return torch.arange(count) * num_classes // count


def grid_count(dataset: Any, num_classes: int) -> int:
    """Return how many samples a grid of a dataset shows: as many of each class.

    Of more classes than fit, it shows some, evenly spaced.
    """
    return dataset.grid_size // num_classes * num_classes or dataset.grid_size


def grid_columns(count: int, num_classes: int) -> int | None:
    """Return the number of columns that gives each class a row of its own; None if impossible."""
    alike = num_classes > 1 and count % num_classes == 0
    return count // num_classes if alike else None


def row_names(y: Tensor, columns: int | None, class_names: Sequence[str]) -> list[str]:
    """Return names beside the rows of a grid of samples with labels y (N,): the classes in each.

    A row's name is empty if it equals that of the row above, or has too many classes.
    """
    columns = columns or math.ceil(math.sqrt(len(y)))
    rows = [part.unique_consecutive().tolist() for part in y.split(columns)] if class_names else []
    names = [
        ", ".join(class_names[i] for i in row) if len(row) <= _MOST_NAMES else "" for row in rows
    ]
    return ["" if above == name else name for above, name in zip(["", *names], names, strict=False)]


class SampleGrid:
    """Renders samples of a generator for fixed latent vectors and labels.

    Args:
        dataset: renders the samples, and determines their number.
        generator: to sample from.
        rng: random generator of the fixed latent vectors.
        class_names: shown beside the rows of a grid; empty for none.
    """

    def __init__(
        self,
        dataset: Any,
        generator: Generator,
        rng: torch.Generator,
        class_names: Sequence[str] = (),
    ):
        self.dataset, self.generator = dataset, generator
        classes = generator.num_classes
        count = grid_count(dataset, classes)
        self.columns = grid_columns(count, classes)
        self.z = generator.sample_z(count, rng)
        y = grid_labels(count, classes)
        self.rows = row_names(y, self.columns, class_names)
        self.y = y.to(self.z.device)
        self._copy = copy.deepcopy(generator)

    def fake(self) -> Draw:
        """Return a function for one other thread, which renders samples of the present weights.

        On a CPU the other thread generates them with a copy of the weights, which delays training
        less than generating them. On other devices they are generated now.
        """
        if self.z.device.type != "cpu":
            return self._render_later(generate(self.generator, self.z, self.y))
        weights = {name: value.clone() for name, value in self.generator.state_dict().items()}
        return partial(self._render_weights, weights)

    def _render_weights(self, weights: dict[str, Tensor]) -> Picture:
        """Render samples of a generator with these weights."""
        self._copy.load_state_dict(weights)
        samples = generate(self._copy, self.z, self.y)
        return render(self.dataset, samples, self.columns, self.rows)

    def real(self, samples: InMemoryDataset, rng: torch.Generator) -> Draw:
        """Return a function that renders random real samples with the same labels."""
        x, _ = samples.gather(samples.sample_with_labels(self.y, rng))
        return self._render_later(x)

    def _render_later(self, samples: Tensor) -> Draw:
        on_host = HostCopy(samples)
        return lambda: render(self.dataset, on_host.wait(), self.columns, self.rows)


class Png(NamedTuple):
    """The content of a PNG file, and its size in pixels."""

    content: bytes
    height: int
    width: int


def encode_png(picture: Picture) -> Png:
    """Encode a picture as PNG: fast rather than small."""
    encoded = io.BytesIO()
    picture.save(encoded, compress_level=1)
    return Png(encoded.getvalue(), *picture.pixels.shape[:2])
