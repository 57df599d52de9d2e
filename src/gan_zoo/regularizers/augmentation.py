"""Random transformations of the critic's inputs, against memorizing its samples."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from gan_zoo.regularizers.random_numbers import NumberCounts, RandomNumbers
from gan_zoo.regularizers.regularizer import Regularizer
from gan_zoo.schema import NonNegativeFloat, Range, settings

if TYPE_CHECKING:
    from torch import Tensor


@settings
class Augmentation(Regularizer):
    """Differentiable augmentation, Zhao et al. 2020 (arXiv:2006.10738), with instance noise.

    In training, every input of the critic, real or fake, in its own updates and the generator's, is
    shifted, rotated, scaled and flipped, uniformly within the bounds and independently per sample,
    with border padding, and gets normal noise, Sonderby et al. 2017 (arXiv:1610.04490).
    """

    title = "differentiable augmentation, Zhao et al. 2020"

    shift: Annotated[float, Range(ge=0, le=1)] = 0.125  # share of the side
    rotation: Annotated[float, Range(ge=0, le=180)] = 0.0  # degrees
    scale: Annotated[float, Range(ge=0, lt=1)] = 0.0  # relative change of size
    flip: bool = False  # left and right, of half of the samples
    noise: NonNegativeFloat = 0.0  # standard deviation; images lie in [-1, 1]

    def transform_counts(self, shape: Sequence[int]) -> NumberCounts:
        moves = 4 + self.flip if len(shape) == 3 else 0
        return NumberCounts(moves, math.prod(shape) if self.noise else 0)

    def transform(self, x: "Tensor", numbers: RandomNumbers) -> "Tensor":
        """Transform images (N, C, H, W), and add noise to any samples (N, *shape)."""
        if numbers.uniform is not None:
            x = self._moved(x, numbers.uniform)
        if numbers.normal is not None:
            x = x + self.noise * numbers.normal.reshape(x.shape)
        return x

    def _moved(self, x: "Tensor", uniform: "Tensor") -> "Tensor":
        import torch
        from torch.nn import functional

        rows, columns, rotation, size, *mirror = uniform.mul(2).sub(1).unbind(-1)
        angle, size = rotation * self.rotation * (math.pi / 180), 1 + size * self.scale
        cosine, sine = size * angle.cos(), size * angle.sin()
        shift = 2 * self.shift  # the side is 2 in grid units
        height, width = x.shape[2:]  # either side is 2 in grid units, but angles are of pixels
        upper = torch.stack([cosine, -sine * (height / width), shift * columns], 1)
        if mirror:
            upper = upper.where(mirror[0].unsqueeze(1) < 0, -upper)
        lower = torch.stack([sine * (width / height), cosine, shift * rows], 1)
        grid = functional.affine_grid(torch.stack([upper, lower], 1), x.shape, align_corners=False)
        # without a second derivative there, which penalties need; on MPS without this padding
        if torch.__version__ < "2.12" or x.device.type not in ("cpu", "cuda"):
            return _interpolated(x, grid)
        return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _interpolated(x: "Tensor", grid: "Tensor") -> "Tensor":
    """Sample images (N, C, H, W) at a grid (N, H, W, 2) as `grid_sample` does in `_moved`."""
    height, width = x.shape[2:]
    (left, right), rest_x = _neighbors(grid[..., 0], width)
    (upper, lower), rest_y = _neighbors(grid[..., 1], height)

    def values(row: "Tensor", column: "Tensor") -> "Tensor":
        index = (row * width + column).flatten(1).unsqueeze(1)
        return x.flatten(2).gather(2, index.expand(-1, x.shape[1], -1)).view_as(x)

    above = values(upper, left).lerp(values(upper, right), rest_x)
    return above.lerp(values(lower, left).lerp(values(lower, right), rest_x), rest_y)


def _neighbors(position: "Tensor", size: int) -> "tuple[tuple[Tensor, Tensor], Tensor]":
    """Return the pixels before and after positions (N, H, W), from -1 to 1, and the rest."""
    pixel = (((position + 1) * size - 1) / 2).clamp(0, size - 1)
    before = pixel.floor()
    after = (before + 1).clamp(max=size - 1)
    return (before.long(), after.long()), (pixel - before).unsqueeze(1)
