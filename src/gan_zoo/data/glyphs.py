"""Characters drawn with fonts under random affine maps: images that need no download."""

import math
import shlex
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

_PACKAGES = "fonts-arphic-ukai, fonts-arphic-uming, fonts-wqy-zenhei or fonts-noto-cjk"
# where those packages install their fonts
_INSTALLED = (
    "/usr/share/fonts/truetype/arphic/ukai.ttc",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
)


@settings
class RenderedGlyphs(Images):
    """Images of characters, one class each, reproducible from the seed.

    Attributes:
        fonts: files (TrueType, OpenType, collections); each image is drawn with one at random.
        size: side of the images in pixels.
        channels: 1 for white on black; 3 for a bright color on a dark one, both at random.
        count: number of images; the test split has a fifth as many, drawn independently.
        rotation: largest angle in degrees.
        scale: largest relative change of size; shear and shift: largest share of the side.
        seed: of these images, not of the run that trains on them.
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
        """Characters to draw; their indices are the labels."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ConfigError for a missing font file."""
        for i, name in enumerate(self.fonts):
            if not Path(name).is_file():
                raise ConfigError(f"fonts[{i}]", name, "is no file; name a .ttf, .otf or .ttc")

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Draw images (N, channels, size, size); labels are the indices of the characters."""
        import torch

        from gan_zoo.data.fonts import glyph_templates
        from gan_zoo.data.in_memory import InMemoryDataset
        from gan_zoo.data.splits import split_seed

        drawn = glyph_templates(self.characters(), self.fonts, 2 * self.size)
        templates = _blur(torch.from_numpy(drawn))
        fonts, classes = templates.shape[:2]
        count = self.count if split == "train" else max(1, self.count // 5)
        rng = torch.Generator().manual_seed(split_seed(self.seed, split))
        y = torch.randint(classes, (count,), generator=rng)
        maps = self._affine_maps(torch.rand(count, 5, generator=rng) * 2 - 1)
        font = torch.randint(fonts, (count,), generator=rng)
        colors = torch.rand(count, 2, 3, 1, 1, generator=rng)
        images = torch.empty(count, self.channels, self.size, self.size, dtype=torch.uint8)
        template_of = font * classes + y
        order = template_of.argsort(stable=True)
        uses = template_of.bincount(minlength=fonts * classes).tolist()
        for template, indices in zip(templates.flatten(0, 1), order.split(uses), strict=True):
            for chunk in indices.split(512):  # chunks that fit the processor's cache
                pixels = self._color(_warp(template, maps[chunk], self.size), colors[chunk])
                images[chunk] = pixels.mul_(255).round_().byte()
        return InMemoryDataset(images, y, classes, class_names=tuple(self.characters()))

    def _affine_maps(self, random: "Tensor") -> "Tensor":
        """Map random numbers (N, 5) in [-1, 1] to affine maps (N, 2, 3), image to template."""
        import torch

        angle = random[:, 0] * math.radians(self.rotation)
        size, shear = 1 + random[:, 1] * self.scale, random[:, 2] * self.shear
        cosine, sine = angle.cos() / size, angle.sin() / size
        shift = random[:, 3:] * 2 * self.shift  # the sampling grid spans [-1, 1]
        rows = [
            cosine,
            shear * cosine - sine,
            shift[:, 0],
            sine,
            shear * sine + cosine,
            shift[:, 1],
        ]
        return torch.stack(rows, -1).reshape(-1, 2, 3)

    def _color(self, gray: "Tensor", random: "Tensor") -> "Tensor":
        """Color images (N, 1, s, s) in [0, 1]; random (N, 2, 3, 1, 1) sets ink and paper."""
        if self.channels == 1:
            return gray
        ink, paper = 0.55 + 0.45 * random[:, 0], 0.4 * random[:, 1]  # apart in every channel
        return paper + (ink - paper) * gray


@settings
class Glyphs(RenderedGlyphs):
    """Characters of any alphabet, by default digits in Pillow's own font.

    Attributes:
        alphabet: the characters; their indices are the labels.
    """

    alphabet: str = "0123456789"

    def check(self) -> None:
        """Raise ConfigError for an alphabet that is empty or repeats a character."""
        super().check()
        if not self.alphabet or len(set(self.alphabet)) < len(self.alphabet):
            allowed = "must hold at least one character, each once"
            raise ConfigError("alphabet", self.alphabet, allowed)

    def characters(self) -> Sequence[str]:
        return self.alphabet


@settings
class ChineseGlyphs(RenderedGlyphs):
    """Characters of GB2312 level 1, the first `classes` of them in the standard's order.

    Mao et al. 2017 (arXiv:1611.04076) train on the 3740 of these characters that HWDB1.0 holds.

    Attributes:
        fonts: files that have all the characters; at least one.
    """

    classes: Annotated[int, Range(ge=1, le=3755)] = 3740
    count: PositiveInt = 100_000

    def check(self) -> None:
        """Raise ConfigError for no font, or for a missing font file."""
        if not self.fonts:
            installed = ",".join(path for path in _INSTALLED if Path(path).is_file())
            override = shlex.quote(f"dataset.fonts=[{installed}]")
            hint = f"; type {override}, which this machine has" if installed else ""
            allowed = "must name font files with Chinese characters, such as those of Debian's "
            allowed += f"{_PACKAGES}{hint}; dataset=glyphs needs no files"
            raise ConfigError("fonts", "[]", allowed)
        super().check()

    def characters(self) -> Sequence[str]:
        return gb2312_level_1()[: self.classes]


def gb2312_level_1() -> list[str]:
    """Return the 3755 commonest characters: GB2312-80 level 1, rows 16 to 55, in order."""
    codes = (bytes([0xA0 + row, 0xA0 + cell]) for row in range(16, 56) for cell in range(1, 95))
    # row 55 ends early: its last five cells are empty
    return [character for code in codes if (character := code.decode("gb2312", "ignore"))]


def _blur(templates: "Tensor") -> "Tensor":
    """Average 2 x 2 squares of templates (F, K, 2s, 2s), giving (F, K, 2s + 1, 2s + 1).

    One sample of the result equals the four that an image of half the side would need.
    """
    from torch.nn import functional

    return functional.avg_pool2d(templates.float(), 2, 1, padding=1).round().byte()


def _warp(template: "Tensor", maps: "Tensor", size: int) -> "Tensor":
    """Warp a blurred template (2s + 1, 2s + 1) by affine maps (N, 2, 3) to (N, 1, s, s).

    Values are in [0, 1].
    """
    import torch
    from torch.nn import functional

    centers = (2 * torch.arange(size) + 1) / size - 1  # of pixels, where the sides are at -1 and 1
    # the blur added half a pixel on every side
    x, y, shift = (maps * (2 * size / (2 * size + 1))).permute(2, 1, 0)[..., None, None]
    # (2, N, s, s), sampled as one tall image: affine_grid takes four times as long
    planes = x * centers + (y * centers[:, None] + shift)
    grid = planes.reshape(1, 2, -1, size).permute(0, 2, 3, 1)
    image = template[None, None].float().div_(255)
    warped = functional.grid_sample(image, grid, align_corners=False)
    return warped.reshape(len(maps), 1, size, size)
