"""Samples from a checkpoint alone: grids, single images, arrays, interpolations."""

import dataclasses
import difflib
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from gan_zoo import checkpoints
from gan_zoo.architectures.networks import SAMPLES_PER_PASS, Generator, generate, in_chunks
from gan_zoo.atomic_write import atomic_write
from gan_zoo.data.dataset import Dataset, Images
from gan_zoo.data.loader import to_bytes
from gan_zoo.experiment import build_networks
from gan_zoo.monitoring.sample_grid import (
    Picture,
    grid_columns,
    grid_count,
    grid_labels,
    render,
    row_names,
)
from gan_zoo.printable import list_names, printable
from gan_zoo.schema import ConfigError, instantiate

_NUMBERED = re.compile(r"\d{6,}\.png")  # names that `write_images` writes
_SOFTWARE = "gan-zoo sample"  # text in those files, by which they differ from the user's own
_HEAD = 256  # bytes of a file, among which that text is
UNCONDITIONAL = (
    "the run is unconditional: its samples have no classes; omit it, or train with conditional=true"
)
_UNSAFE = re.compile(r"[^\w ()+,-]")  # in the name of a folder
_NAME_SIZE = 60  # letters of a folder's name, of up to four bytes each
_LISTED = 20  # classes listed in a message


@dataclasses.dataclass(frozen=True)
class Sampler:
    """A trained generator, and what is needed to render its samples.

    Attributes:
        generator: in evaluation mode.
        dataset: settings of its training data, which render samples.
        step: its generator updates.
        class_names: of the labels, in their order; empty if unconditional.
    """

    generator: Generator
    dataset: Any
    step: int
    class_names: tuple[str, ...] = ()

    def latent(self, count: int, seed: int) -> Tensor:
        """Sample latent vectors (count, z_dim) from the generator's prior."""
        return self.generator.sample_z(count, torch.Generator().manual_seed(seed))

    def labels(self, count: int, chosen: Sequence[int] = ()) -> Tensor:
        """Return labels (count,): the chosen classes, or all of them, in equal blocks."""
        chosen = chosen or range(self.generator.num_classes)
        return torch.tensor(chosen)[grid_labels(count, len(chosen))]

    def grid_count(self, chosen: Sequence[int] = ()) -> int:
        """Return how many samples a grid shows: as many of each chosen class, or of all."""
        return grid_count(self.dataset, len(chosen) or self.generator.num_classes)

    def parse_classes(self, words: str) -> tuple[int, ...]:
        """Parse class names or numbers, separated by commas, into labels.

        A class name is never interpreted as a number; where all names are numbers, only names
        count. Raises ConfigError for an unknown class.
        """
        if not self.class_names:
            raise ConfigError("class", words, UNCONDITIONAL)
        words = printable(words)  # as datasets name their classes
        whole = words.strip()
        parts = (
            [whole] if whole in self.class_names else [part.strip() for part in words.split(",")]
        )
        return tuple(map(self._label, parts))

    def _label(self, word: str) -> int:
        """Parse one class. Raises ConfigError."""
        names, last = self.class_names, len(self.class_names) - 1
        if word in names:
            return names.index(word)
        listed = list_names(names, _LISTED)
        numbered = all(name.isdecimal() for name in names)
        if word.isdecimal() and not numbered and int(word) <= last:
            return int(word)
        if word.lstrip("-").isdecimal() and not numbered:
            raise ConfigError("class", word, f"must be from 0 to {last}, or a name: {listed}")
        if numbered and int(names[-1]) - int(names[0]) == last:
            raise ConfigError("class", word, f"must be from {names[0]} to {names[-1]}")
        close = [] if numbered else difflib.get_close_matches(word, names, n=1)
        allowed = f"did you mean {close[0]}?" if close else f"must be one of {listed}"
        raise ConfigError("class", word, allowed)

    def class_folder(self, label: int) -> str:
        """Return a folder's name for a class; sorted, such names have the order of the labels."""
        name = self.class_names[label]
        if all(map(str.isdecimal, self.class_names)):
            longest = max(map(len, self.class_names))
            filled = [each.zfill(longest) for each in self.class_names]
            if filled == sorted({*filled}):  # not so for the texts 1 and 01
                return filled[label]
        width = len(str(len(self.class_names) - 1))
        return f"{label:0{width}d}-{_UNSAFE.sub('_', name)[:_NAME_SIZE]}"

    def generate(self, z: Tensor, y: Tensor) -> Tensor:
        """Generate samples (N, *shape) from latent vectors (N, z_dim) and labels (N,)."""
        return generate(self.generator, z, y)

    def generate_stored(self, z: Tensor, y: Tensor) -> Tensor:
        """Generate samples as files hold them: images as bytes, points as they are.

        A part at a time: all images as floats would need several times the memory.
        """
        return in_chunks(lambda z, y: _stored(self.generate(z, y)), z, y, SAMPLES_PER_PASS)

    def render(self, z: Tensor, y: Tensor) -> Picture:
        """Render samples as one image, with class names beside its rows."""
        columns = grid_columns(len(y), len(y.unique()))
        rows = row_names(y, columns, self.class_names)
        return render(self.dataset, self.generate(z, y), columns, rows)


def _stored(samples: Tensor) -> Tensor:
    return to_bytes(samples) if samples.dim() == 4 else samples


def load_sampler(run_or_checkpoint: Path, averaged: bool = True) -> Sampler:
    """Load the generator of a checkpoint, or of a run's newest valid checkpoint, on the CPU.

    averaged: load the moving average instead of the last trained weights. Raises ConfigError where
    there is no checkpoint that can be read.
    """
    content = checkpoints.load_latest(run_or_checkpoint)[1]
    config = content["config"]
    generator, _ = build_networks(config, tuple(content["shape"]), content["num_classes"])
    with checkpoints.must_fit(content["step"], run_or_checkpoint):
        generator.load_state_dict(content["ema" if averaged else "generator"])
    # all images are rendered alike, without their dataset's files; points need its modes
    images = len(content["shape"]) == 3
    dataset = Images() if images else instantiate(config["dataset"], "dataset", Dataset)
    known = tuple(map(str, content.get("class_names", ())))
    numbers = tuple(map(str, range(generator.num_classes))) if generator.num_classes > 1 else ()
    names = known if len(known) == len(numbers) else numbers
    return Sampler(generator.eval(), dataset, content["step"], names)


def write_grid(sampler: Sampler, path: Path, z: Tensor, y: Tensor) -> None:
    """Write all samples as one image, with class names beside its rows."""
    _save(sampler.render(z, y), path)


def write_images(
    sampler: Sampler, folder: Path, z: Tensor, y: Tensor, by_class: bool = False
) -> None:
    """Write each sample as a numbered PNG, and delete those of an earlier call.

    by_class: write a folder for each class, with numbers of its own. Raises ConfigError for samples
    that are not images, for classes of an unconditional generator, and for numbered PNGs that are
    the user's own, which the samples would replace or be mixed with.
    """
    before = _numbered_images(folder, by_class)
    samples = sampler.generate_stored(z, y)
    if samples.dim() != 4:
        raise ConfigError("pngs", len(z), "needs a generator of images; use --npz for points")
    if by_class and not sampler.class_names:
        raise ConfigError("pngs-per-class", len(z), UNCONDITIONAL)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a killed process
    places = [sampler.class_folder(label) if by_class else "" for label in y.tolist()]
    written: Counter[str] = Counter()
    for image, place in zip(samples.permute(0, 2, 3, 1).numpy(), places, strict=True):
        pixels = image.squeeze(-1) if image.shape[-1] == 1 else image
        _save_marked(pixels, partial / place / f"{written[place]:06d}.png")
        written[place] += 1
    # delete first, so that a crash leaves fewer images instead of a mixture
    for old in before:
        old.unlink()
        if by_class and not any(old.parent.iterdir()):
            old.parent.rmdir()
    for path in sorted(partial.rglob("*.png")):
        new = folder / path.relative_to(partial)
        new.parent.mkdir(parents=True, exist_ok=True)
        path.replace(new)
    shutil.rmtree(partial)


def _numbered_images(folder: Path, by_class: bool) -> list[Path]:
    """Return the files of an earlier call. Raises ConfigError if others are named like them."""
    found = sorted(folder.glob("*/*.png" if by_class else "*.png"))
    numbered = [path for path in found if _NUMBERED.fullmatch(path.name)]
    if others := [path for path in numbered if not _is_marked(path)]:
        names = list_names([str(path.relative_to(folder.parent)) for path in others])
        allowed = "holds numbered images that sample has not written, or an older version of it"
        remedy = "type another --out, or delete them or move them away"
        raise ConfigError("out", folder.parent, f"{allowed}: {names}; {remedy}")
    return numbered


def _save_marked(pixels: np.ndarray, path: Path) -> None:
    """Write a PNG file that `_is_marked` recognizes."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", _SOFTWARE)  # before the pixels
    with atomic_write(path) as file:
        Image.fromarray(pixels).save(file, "PNG", pnginfo=text)


def _is_marked(path: Path) -> bool:
    with path.open("rb") as file:
        return f"Software\0{_SOFTWARE}".encode() in file.read(_HEAD)


def write_npz(sampler: Sampler, path: Path, z: Tensor, y: Tensor) -> str:
    """Write x (N, *shape; images as bytes), y (N,), z (N, z_dim) and any class_names (K,).

    The text `layout` names the axes of x, `value_range` (2,) its least and largest possible value.
    The .npz file is written completely or not at all. Returns a description of x.
    """
    x = sampler.generate_stored(z, y).numpy()
    is_image = x.ndim == 4
    layout = "NCHW" if is_image else "NC"
    bounds = (0, 255) if is_image else (-np.inf, np.inf)
    names = {"class_names": np.array(sampler.class_names)} if sampler.class_names else {}
    about = {"layout": np.array(layout), "value_range": np.array(bounds)}
    with atomic_write(path) as file:
        np.savez_compressed(file, x=x, y=y.numpy(), z=z.numpy(), **names, **about)
    limits = ", 0 to 255" if is_image else " in the units of the dataset"
    return f"x {x.shape} is {layout}, {x.dtype}{limits}"


def write_interpolation(
    sampler: Sampler, path: Path, rows: int, columns: int, seed: int, chosen: Sequence[int] = ()
) -> None:
    """Write an image whose rows interpolate between two latent vectors.

    Spherical interpolation, so that intermediate points are as likely under the prior as the ends.
    """
    start, end = sampler.latent(2 * rows, seed).chunk(2)
    share = torch.linspace(0, 1, columns)[None, :, None]
    z = slerp(start[:, None], end[:, None], share).flatten(0, 1)
    y = sampler.labels(rows, chosen).repeat_interleave(columns)
    _save(render(sampler.dataset, sampler.generate(z, y), columns), path)


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Interpolate spherically between start and end (..., d) at shares, which broadcast.

    Linearly where they are parallel, as all numbers are if d is 1: no circle is defined there.
    """
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=-1).unsqueeze(-1)
    angle = cosine.clamp(-0.9995, 0.9995).acos()
    first, last = (((1 - share) * angle).sin(), (share * angle).sin())
    curved = (first * start + last * end) / angle.sin()
    return torch.where(cosine.abs() > 0.9995, torch.lerp(start, end, share), curved)


def _save(picture: Picture, path: Path) -> None:
    with atomic_write(path) as file:
        picture.save(file)
