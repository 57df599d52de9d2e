"""Characters drawn with fonts under random affine maps: images that need no download."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from gan_zoo.data.dataset import DataSpec, Images
from gan_zoo.schema import (
    ConfigError,
    CountInt,
    LocalPath,
    NonNegativeFloat,
    PositiveInt,
    Range,
    settings,
)

if TYPE_CHECKING:
    from torch import Tensor

    from gan_zoo.data.in_memory import InMemoryDataset


@settings
class RenderedGlyphs(Images):
    """Images of characters, one class each, the same for the same seed.

    Attributes:
        fonts: files (TrueType, OpenType, collections); each image is drawn with one at random.
        size: side of the images in pixels.
        channels: 1 for white on black; 3 for a bright color on a dark one, both at random.
        count: number of images; the test split has a fifth as many, drawn independently.
        rotation: largest angle in degrees.
        scale: largest relative change of size; shear and shift: largest share of the side.
        seed: of the drawing itself, not of the run that trains on it.
    """

    fonts: tuple[LocalPath, ...] = ()
    size: Annotated[int, Range(ge=8)] = 28
    channels: Literal[1, 3] = 1
    count: PositiveInt = 20_000
    rotation: NonNegativeFloat = 12.0
    scale: Annotated[float, Range(ge=0, lt=1)] = 0.12
    shear: NonNegativeFloat = 0.15
    shift: NonNegativeFloat = 0.06
    seed: CountInt = 0

    def spec(self) -> DataSpec:
        return DataSpec((self.channels, self.size, self.size), len(self.characters()), self.count)

    def characters(self) -> Sequence[str]:
        """The characters to draw; their places are the labels."""
        raise NotImplementedError

    def check(self) -> None:
        """Raises ConfigError for a font file that is not there."""
        for i, name in enumerate(self.fonts):
            if not Path(name).is_file():
                raise ConfigError(f"fonts[{i}]", name, "is no file; name a .ttf, .otf or .ttc")

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Images (N, channels, size, size) with their characters' places as labels."""
        import torch

        from gan_zoo.data.fonts import glyph_templates
        from gan_zoo.data.in_memory import InMemoryDataset

        sheets = _blurred(
            torch.from_numpy(glyph_templates(self.characters(), self.fonts, 2 * self.size))
        )
        fonts, classes = sheets.shape[:2]
        count = {"train": self.count, "test": max(1, self.count // 5)}[split]
        rng = torch.Generator().manual_seed(2 * self.seed + ("train", "test").index(split))
        y = torch.randint(classes, (count,), generator=rng)
        maps = self._affine_maps(torch.rand(count, 5, generator=rng) * 2 - 1)
        font = torch.randint(fonts, (count,), generator=rng)
        colors = torch.rand(count, 2, 3, 1, 1, generator=rng)
        images = torch.empty(count, self.channels, self.size, self.size, dtype=torch.uint8)
        master = font * classes + y
        order = master.argsort(stable=True)
        uses = master.bincount(minlength=fonts * classes).tolist()
        for sheet, indices in zip(sheets.flatten(0, 1), order.split(uses), strict=True):
            for few in indices.split(512):  # at a time, that they stay in the processor's cache
                drawn = self._colored(_warp(sheet, maps[few], self.size), colors[few])
                images[few] = drawn.mul_(255).round_().byte()
        return InMemoryDataset(images, y, classes, class_names=tuple(self.characters()))

    def _affine_maps(self, draws: "Tensor") -> "Tensor":
        """Draws (N, 5) in [-1, 1] to affine maps (N, 2, 3) from the image to the master."""
        import torch

        angle = draws[:, 0] * math.radians(self.rotation)
        size, shear = 1 + draws[:, 1] * self.scale, draws[:, 2] * self.shear
        cosine, sine = angle.cos() / size, angle.sin() / size
        shift = draws[:, 3:] * 2 * self.shift  # the sampling grid spans [-1, 1]
        rows = [
            cosine,
            shear * cosine - sine,
            shift[:, 0],
            sine,
            shear * sine + cosine,
            shift[:, 1],
        ]
        return torch.stack(rows, -1).reshape(-1, 2, 3)

    def _colored(self, drawn: "Tensor", draws: "Tensor") -> "Tensor":
        """Images (N, 1, s, s) in [0, 1], in colors (N, 2, 3, 1, 1) drawn for ink and paper."""
        if self.channels == 1:
            return drawn
        ink, paper = 0.55 + 0.45 * draws[:, 0], 0.4 * draws[:, 1]  # apart in every channel
        return paper + (ink - paper) * drawn


@settings
class Glyphs(RenderedGlyphs):
    """Characters of any alphabet, by default digits in Pillow's own font.

    Attributes:
        alphabet: the characters; their places are the labels.
    """

    alphabet: str = "0123456789"

    def check(self) -> None:
        """Raises ConfigError for an alphabet that is empty or names a character twice."""
        super().check()
        if not self.alphabet or len(set(self.alphabet)) < len(self.alphabet):
            raise ConfigError(
                "alphabet", self.alphabet, "must hold at least one character, each once"
            )

    def characters(self) -> Sequence[str]:
        return self.alphabet


def _blurred(sheets: "Tensor") -> "Tensor":
    """Sheets (F, K, 2s, 2s) to (F, K, 2s + 1, 2s + 1), each pixel the mean of a 2 x 2 square.

    One look at it then tells as much as the four that an image of half the side would need.
    """
    from torch.nn import functional

    return functional.avg_pool2d(sheets.float(), 2, 1, padding=1).round().byte()


def _warp(master: "Tensor", maps: "Tensor", size: int) -> "Tensor":
    """One blurred master (2s + 1, 2s + 1) under affine maps (N, 2, 3), (N, 1, s, s) in [0, 1]."""
    import torch
    from torch.nn import functional

    centers = (2 * torch.arange(size) + 1) / size - 1  # of pixels, where the sides are at -1 and 1
    # the blur added half a pixel on every side
    x, y, shift = (maps * (2 * size / (2 * size + 1))).permute(2, 1, 0)[..., None, None]
    # (2, N, s, s), seen as of one picture as tall as all: affine_grid would take four times as long
    planes = x * centers + (y * centers[:, None] + shift)
    grid = planes.reshape(1, 2, -1, size).permute(0, 2, 3, 1)
    pictures = master[None, None].float().div_(255)
    drawn = functional.grid_sample(pictures, grid, align_corners=False)
    return drawn.reshape(len(maps), 1, size, size)
