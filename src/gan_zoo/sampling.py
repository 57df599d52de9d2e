"""Samples from a checkpoint alone: grids, single pictures, arrays, walks between latent vectors."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan_zoo import checkpoints
from gan_zoo.architectures.players import Generator
from gan_zoo.data.dataset import Dataset, Images
from gan_zoo.data.samples import to_bytes
from gan_zoo.monitoring.album import columns_for, draw_samples, picture_labels
from gan_zoo.schema import SettingError, construct

_CHUNK = 256  # samples generated at a time


@dataclasses.dataclass(frozen=True)
class Sampler:
    """A trained generator with what is needed to show its samples.

    Attributes:
        generator: in evaluation mode.
        dataset: settings of the data it was trained on, for their way of being shown.
        step: generator updates it has had.
    """

    generator: Generator
    dataset: Any
    step: int

    def latent(self, count: int, seed: int) -> Tensor:
        """Latent vectors (count, z_dim) from the generator's prior."""
        return self.generator.sample_z(count, torch.Generator().manual_seed(seed))

    def labels(self, count: int, chosen: Sequence[int] = ()) -> Tensor:
        """Labels (count,): the chosen classes, or all of them, in equal blocks.

        Raises SettingError for a label that the generator has not.
        """
        classes = self.generator.num_classes
        for label in chosen:
            if not 0 <= label < classes:
                raise SettingError("class", label, f"must be from 0 to {classes - 1}")
        chosen = chosen or range(classes)
        return torch.tensor(chosen)[picture_labels(count, len(chosen))]

    def draw(self, z: Tensor, y: Tensor) -> Tensor:
        """Samples (N, *shape) for latent vectors (N, z_dim) and labels (N,)."""
        parts = zip(z.split(_CHUNK), y.split(_CHUNK), strict=True)
        return torch.cat([draw_samples(self.generator, *part) for part in parts])


def load_sampler(run_or_checkpoint: Path, averaged: bool = True) -> Sampler:
    """The generator of a run's newest checkpoint, or of a checkpoint, on the CPU.

    averaged: take the moving average rather than the weights that were trained last.
    Raises SettingError where there is no checkpoint, or one that cannot be read.
    """
    content = checkpoints.load(checkpoints.newest(run_or_checkpoint))
    config = content["config"]
    generator = construct(
        config["architecture"]["generator"],
        "architecture.generator",
        Generator,
        shape=tuple(content["shape"]),
        num_classes=content["num_classes"],
    )
    generator.load_state_dict(content["average" if averaged else "generator"])
    # images are shown alike whatever their dataset, whose files need not be here; points need modes
    images = len(content["shape"]) == 3
    dataset = Images() if images else construct(config["dataset"], "dataset", Dataset)
    return Sampler(generator.eval(), dataset, content["step"])


def write_grid(sampler: Sampler, path: Path, z: Tensor, y: Tensor) -> None:
    """All samples in one picture; with several classes, each begins a row."""
    classes = len(y.unique())
    pixels = sampler.dataset.picture(sampler.draw(z, y), columns_for(len(y), classes))
    _save(pixels, path)


def write_pictures(sampler: Sampler, folder: Path, z: Tensor, y: Tensor) -> None:
    """Each sample as a PNG of its own. Raises SettingError for samples that are no images."""
    samples = sampler.draw(z, y)
    if samples.dim() != 4:
        raise SettingError("pngs", len(z), "needs a generator of images; use --npz for points")
    for i, image in enumerate(to_bytes(samples).permute(0, 2, 3, 1).numpy()):
        _save(image.squeeze(-1) if image.shape[-1] == 1 else image, folder / f"{i:06d}.png")


def write_array(sampler: Sampler, path: Path, z: Tensor, y: Tensor) -> None:
    """An .npz with x (N, *shape; images as bytes), y (N,) and z (N, z_dim)."""
    samples = sampler.draw(z, y)
    x = to_bytes(samples) if samples.dim() == 4 else samples
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, x=x.numpy(), y=y.numpy(), z=z.numpy())


def write_interpolation(
    sampler: Sampler, path: Path, rows: int, columns: int, seed: int, chosen: Sequence[int] = ()
) -> None:
    """A picture whose rows walk in equal steps from one latent vector to another.

    The walk turns the direction and scales the length evenly (spherical interpolation), so that
    every point on it is as likely under the prior as its ends.
    """
    start, end = sampler.latent(2 * rows, seed).chunk(2)
    share = torch.linspace(0, 1, columns)[None, :, None]
    z = spherical(start[:, None], end[:, None], share).flatten(0, 1)
    y = sampler.labels(rows, chosen).repeat_interleave(columns)
    _save(sampler.dataset.picture(sampler.draw(z, y), columns), path)


def spherical(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Points between start and end (..., d) at the given shares, which broadcast."""
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=-1).clamp(-0.9995, 0.9995)
    angle = cosine.acos().unsqueeze(-1)
    return ((1 - share) * angle).sin() / angle.sin() * start + (
        share * angle
    ).sin() / angle.sin() * end


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
