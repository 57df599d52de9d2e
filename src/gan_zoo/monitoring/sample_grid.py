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

from gan_zoo.architectures.networks import Generator, in_evaluation_mode
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.monitoring.async_scalars import HostCopy

_NAMED = 2  # classes in one row of a grid


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


@torch.no_grad()
def generate(generator: Generator, z: Tensor, y: Tensor) -> Tensor:
    """Samples of a generator in evaluation mode, which is left as it was found."""
    return in_evaluation_mode(generator, lambda: generator(z, y))


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

    def fake(self) -> Callable[[], Picture]:
        """The generator's samples now, as a picture to be made in one other thread.

        A GPU draws them while the loop goes on. Elsewhere that thread does, with a copy of the
        weights, which takes the loop less time than the pass.
        """
        if self.z.is_cuda:
            return self._picture(generate(self.generator, self.z, self.y))
        weights = {name: value.clone() for name, value in self.generator.state_dict().items()}
        return partial(self._drawn, weights)

    def _drawn(self, weights: dict[str, Tensor]) -> Picture:
        """The picture of a generator with these weights."""
        self._twin.load_state_dict(weights)
        drawn = generate(self._twin, self.z, self.y)
        return render(self.dataset, drawn, self.columns, self.rows)

    def real(self, samples: InMemoryDataset, rng: torch.Generator) -> Callable[[], Picture]:
        """Real samples with the same labels, drawn at random, as a picture to be made."""
        chosen, _ = samples.gather(samples.sample_with_labels(self.y, rng))
        return self._picture(chosen)

    def _picture(self, samples: Tensor) -> Callable[[], Picture]:
        sent = HostCopy(samples)
        return lambda: render(self.dataset, sent.wait(), self.columns, self.rows)


class Png(NamedTuple):
    """The content of a PNG file, and its size in pixels."""

    content: bytes
    height: int
    width: int


def encode_png(picture: Picture) -> Png:
    """A picture as a file: quickly rather than as small as could be."""
    encoded = io.BytesIO()
    picture.save(encoded, compress_level=1)
    return Png(encoded.getvalue(), *picture.pixels.shape[:2])
