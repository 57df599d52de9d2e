"""Characters drawn with a font under random affine maps: images that need no download."""

import math
from typing import TYPE_CHECKING, Annotated, ClassVar

from gan_zoo.schema import CountInt, NonNegativeFloat, PositiveInt, Range, SettingError, settings

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gan_zoo.data.samples import Samples


@settings
class Glyphs:
    """Grey images of the characters of an alphabet, one class each, the same for the same seed.

    Attributes:
        alphabet: the characters; their places are the labels.
        size: side of the images in pixels.
        count: number of images; the test split has a fifth as many, drawn independently.
        rotation: largest angle in degrees.
        scale: largest relative change of size; shear and shift: largest share of the side.
        seed: of the drawing itself, not of the run that trains on it.
    """

    pictured: ClassVar[int] = 64  # samples that one picture shows

    alphabet: str = "0123456789"
    size: Annotated[int, Range(ge=8)] = 28
    count: PositiveInt = 20_000
    rotation: NonNegativeFloat = 12.0
    scale: Annotated[float, Range(ge=0, lt=1)] = 0.12
    shear: NonNegativeFloat = 0.15
    shift: NonNegativeFloat = 0.06
    seed: CountInt = 0

    def check(self) -> None:
        """Raises SettingError for an alphabet that is empty or names a character twice."""
        if not self.alphabet or len(set(self.alphabet)) < len(self.alphabet):
            raise SettingError(
                "alphabet", self.alphabet, "must hold at least one character, each once"
            )

    def load(self, split: str = "train") -> "Samples":
        """Images (N, 1, size, size) with their characters' places as labels."""
        import torch

        from gan_zoo.data.samples import Samples, to_bytes

        count = {"train": self.count, "test": max(1, self.count // 5)}[split]
        draws = torch.Generator().manual_seed(2 * self.seed + ("train", "test").index(split))
        y = torch.randint(len(self.alphabet), (count,), generator=draws)
        maps = self._affine_maps(torch.rand(count, 5, generator=draws) * 2 - 1)
        masters = torch.stack([_draw(character, 2 * self.size) for character in self.alphabet])
        parts = zip(y.split(4096), maps.split(4096), strict=True)
        images = [to_bytes(_warp(masters[labels], part)) for labels, part in parts]
        return Samples(torch.cat(images), y, len(self.alphabet))

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

    def picture(self, x: "Tensor", columns: int | None = None) -> "np.ndarray":
        """Images as a grid, uint8 (H, W, 3)."""
        from gan_zoo.data.pictures import tile

        return tile(x, columns)


def _draw(character: str, side: int) -> "Tensor":
    """One character, white in the middle of a black square, (1, side, side) in [0, 1]."""
    import numpy as np
    import torch
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.new("L", (side, side))
    font = ImageFont.load_default(size=side * 0.92)  # Pillow's own TrueType font
    box = font.getbbox(character)
    corner = [(side - box[i] - box[i + 2]) / 2 for i in range(2)]
    ImageDraw.Draw(canvas).text(corner, character, fill=255, font=font)
    return torch.from_numpy(np.array(canvas)).float().div(255)[None]


def _warp(masters: "Tensor", maps: "Tensor") -> "Tensor":
    """Masters (N, 1, 2s, 2s) under affine maps, averaged down to (N, 1, s, s) in [-1, 1]."""
    from torch.nn import functional

    grid = functional.affine_grid(maps, list(masters.shape), align_corners=False)
    drawn = functional.grid_sample(masters, grid, align_corners=False)
    return functional.avg_pool2d(drawn, 2) * 2 - 1
