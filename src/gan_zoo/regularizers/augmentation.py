"""Random transformations of the critic's inputs, against memorizing its samples."""

from typing import TYPE_CHECKING, Annotated

from gan_zoo.regularizers.regularizer import Regularizer
from gan_zoo.schema import NonNegativeFloat, Range, settings

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


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

    def prepare(self, critic: "Module") -> None:
        def augment(body: "Module", inputs: tuple) -> tuple:
            return (self.augmented(inputs[0]), *inputs[1:]) if body.training else inputs

        critic.body.register_forward_pre_hook(augment)

    def augmented(self, x: "Tensor") -> "Tensor":
        """Augment samples (N, *shape): transform images, and add noise to any samples."""
        import torch

        transformed = self._transformed(x) if x.dim() == 4 else x
        if not self.noise:
            return transformed
        return transformed + self.noise * torch.randn_like(transformed)

    def _transformed(self, x: "Tensor") -> "Tensor":
        import math

        import torch
        from torch.nn import functional

        rows, columns, rotation, size = torch.rand(4, len(x), device=x.device).mul(2).sub(1)
        angle, size = rotation * self.rotation * (math.pi / 180), 1 + size * self.scale
        cosine, sine = size * angle.cos(), size * angle.sin()
        shift = 2 * self.shift  # the side is 2 in grid units
        upper = torch.stack([cosine, -sine, shift * columns], 1)
        if self.flip:
            upper *= torch.randint(2, (len(x), 1), device=x.device).mul(2).sub(1)
        lower = torch.stack([sine, cosine, shift * rows], 1)
        grid = functional.affine_grid(torch.stack([upper, lower], 1), x.shape, align_corners=False)
        return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
