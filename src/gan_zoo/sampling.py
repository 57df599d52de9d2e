"""Samples from a checkpoint alone: grids, single pictures, arrays, walks between latent vectors."""

import dataclasses
import difflib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan_zoo import checkpoints
from gan_zoo.architectures.networks import Generator
from gan_zoo.atomic_write import atomic_write
from gan_zoo.data.dataset import Dataset, Images
from gan_zoo.data.in_memory import to_bytes
from gan_zoo.monitoring.sample_grid import generate, grid_columns, grid_labels, row_names
from gan_zoo.schema import ConfigError, instantiate

_CHUNK = 256  # samples generated at a time
_NUMBERED = re.compile(r"\d{6,}\.png")  # what `write_pictures` writes
_LISTED = 20  # classes named in a message


@dataclasses.dataclass(frozen=True)
class Sampler:
    """A trained generator with what is needed to show its samples.

    Attributes:
        generator: in evaluation mode.
        dataset: settings of the data it was trained on, for their way of being shown.
        step: generator updates it has had.
        class_names: of the labels, in their order; empty where it knows none.
    """

    generator: Generator
    dataset: Any
    step: int
    class_names: tuple[str, ...] = ()

    def latent(self, count: int, seed: int) -> Tensor:
        """Latent vectors (count, z_dim) from the generator's prior."""
        return self.generator.sample_z(count, torch.Generator().manual_seed(seed))

    def labels(self, count: int, chosen: Sequence[int] = ()) -> Tensor:
        """Labels (count,): the chosen classes, or all of them, in equal blocks."""
        chosen = chosen or range(self.generator.num_classes)
        return torch.tensor(chosen)[grid_labels(count, len(chosen))]

    def chosen(self, words: str) -> tuple[int, ...]:
        """Labels of the classes in `words`: one name, or names or numbers with commas between them.

        What is a name of a class is never taken as its number; where all names are numbers, only
        they count. Raises ConfigError for a class that the generator has not.
        """
        if not self.class_names:
            allowed = "the run is unconditional: its samples have no classes; leave out --class, "
            raise ConfigError("class", words, f"{allowed}or train with conditional=true")
        whole = words.strip()
        parts = (
            [whole] if whole in self.class_names else [part.strip() for part in words.split(",")]
        )
        return tuple(map(self._label, parts))

    def _label(self, word: str) -> int:
        """The label of one class. Raises ConfigError."""
        names, last = self.class_names, len(self.class_names) - 1
        if word in names:
            return names.index(word)
        numbered = all(name.isdecimal() for name in names)
        if word.isdecimal() and not numbered and int(word) <= last:
            return int(word)
        if word.lstrip("-").isdecimal() and not numbered:
            raise ConfigError(
                "class", word, f"must be from 0 to {last}, or a name: {self._listed()}"
            )
        if numbered and int(names[-1]) - int(names[0]) == last:
            raise ConfigError("class", word, f"must be from {names[0]} to {names[-1]}")
        close = [] if numbered else difflib.get_close_matches(word, names, n=1)
        allowed = f"did you mean {close[0]}?" if close else f"must be one of {self._listed()}"
        raise ConfigError("class", word, allowed)

    def _listed(self) -> str:
        more = len(self.class_names) - _LISTED
        listed = ", ".join(self.class_names[:_LISTED])
        return f"{listed} and {more:,} more" if more > 0 else listed

    def generate(self, z: Tensor, y: Tensor) -> Tensor:
        """Samples (N, *shape) for latent vectors (N, z_dim) and labels (N,)."""
        parts = zip(z.split(_CHUNK), y.split(_CHUNK), strict=True)
        return torch.cat([generate(self.generator, *part) for part in parts])


def load_sampler(run_or_checkpoint: Path, averaged: bool = True) -> Sampler:
    """The generator of a run's newest checkpoint, or of a checkpoint, on the CPU.

    averaged: take the moving average rather than the weights that were trained last.
    Raises ConfigError where there is no checkpoint, or one that cannot be read.
    """
    content = checkpoints.load(checkpoints.latest_path(run_or_checkpoint))
    config = content["config"]
    generator = instantiate(
        config["architecture"]["generator"],
        "architecture.generator",
        Generator,
        shape=tuple(content["shape"]),
        num_classes=content["num_classes"],
    )
    generator.load_state_dict(content["ema" if averaged else "generator"])
    # images are shown alike whatever their dataset, whose files need not be here; points need modes
    images = len(content["shape"]) == 3
    dataset = Images() if images else instantiate(config["dataset"], "dataset", Dataset)
    known = tuple(map(str, content.get("class_names", ())))
    numbers = tuple(map(str, range(generator.num_classes))) if generator.num_classes > 1 else ()
    names = known if len(known) == len(numbers) else numbers
    return Sampler(generator.eval(), dataset, content["step"], names)


def write_grid(sampler: Sampler, path: Path, z: Tensor, y: Tensor) -> None:
    """All samples in one picture, with the names of classes beside its rows."""
    columns = grid_columns(len(y), len(y.unique()))
    rows = row_names(y, columns, sampler.class_names)
    _save(sampler.dataset.render(sampler.generate(z, y), columns, rows), path)


def write_pictures(sampler: Sampler, folder: Path, z: Tensor, y: Tensor) -> None:
    """Each sample as a PNG of its own, instead of those that the folder had.

    Raises ConfigError for samples that are no images.
    """
    samples = sampler.generate(z, y)
    if samples.dim() != 4:
        raise ConfigError("pngs", len(z), "needs a generator of images; use --npz for points")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    for i, image in enumerate(to_bytes(samples).permute(0, 2, 3, 1).numpy()):
        _save(image.squeeze(-1) if image.shape[-1] == 1 else image, partial / f"{i:06d}.png")
    folder.mkdir(exist_ok=True)
    # older ones first, so that a crash leaves fewer pictures and no mixture
    for old in (path for path in folder.iterdir() if _NUMBERED.fullmatch(path.name)):
        old.unlink()
    for path in sorted(partial.iterdir()):
        path.replace(folder / path.name)
    partial.rmdir()


def write_npz(sampler: Sampler, path: Path, z: Tensor, y: Tensor) -> None:
    """An .npz with x (N, *shape; images as bytes), y (N,), z (N, z_dim) and any class_names (K,).

    Written whole or not at all.
    """
    samples = sampler.generate(z, y)
    x = to_bytes(samples) if samples.dim() == 4 else samples
    names = {"class_names": np.array(sampler.class_names)} if sampler.class_names else {}
    with atomic_write(path) as file:
        np.savez_compressed(file, x=x.numpy(), y=y.numpy(), z=z.numpy(), **names)


def write_interpolation(
    sampler: Sampler, path: Path, rows: int, columns: int, seed: int, chosen: Sequence[int] = ()
) -> None:
    """A picture whose rows walk in equal steps from one latent vector to another.

    The walk turns the direction and scales the length evenly (spherical interpolation), so that
    every point on it is as likely under the prior as its ends.
    """
    start, end = sampler.latent(2 * rows, seed).chunk(2)
    share = torch.linspace(0, 1, columns)[None, :, None]
    z = slerp(start[:, None], end[:, None], share).flatten(0, 1)
    y = sampler.labels(rows, chosen).repeat_interleave(columns)
    _save(sampler.dataset.render(sampler.generate(z, y), columns), path)


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Points between start and end (..., d) at the given shares, which broadcast."""
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=-1).clamp(-0.9995, 0.9995)
    angle = cosine.acos().unsqueeze(-1)
    return ((1 - share) * angle).sin() / angle.sin() * start + (
        share * angle
    ).sin() / angle.sin() * end


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
