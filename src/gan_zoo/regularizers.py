"""What keeps the critic tame: three hooks, all doing nothing unless a regularizer says otherwise.

`prepare` sees the critic once, before training; `penalty` adds to the critic's loss; `after_step`
follows every critic update. Samples are (..., N, *shape), their labels and scores (..., N);
penalties have the shape of the losses, (...). A gradient's norm is taken per sample, over all of
the sample's dimensions.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from gan_zoo.schema import NonNegativeFloat, PositiveFloat, Range, SettingError, settings

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Parameter


@settings
class Regularizer:
    """No regularizer: also what the others are built on."""

    title = "no regularizer"

    def prepare(self, critic: "Module") -> None:
        """Change or check the critic before training."""

    def penalty(
        self, critic: "Module", real: "Tensor", fake: "Tensor", y: "Tensor"
    ) -> "Tensor | float":
        """What is added to the critic's loss, given samples without history and their labels."""
        return 0.0

    def after_step(self, parameters: "Sequence[Parameter]") -> None:
        """Change the critic's parameters after each of its updates."""


@settings
class WeightClip(Regularizer):
    """Weight clipping, Arjovsky et al. 2017 (arXiv:1701.07875, algorithm 1).

    After each critic update, so that the generator faces a clipped critic. `all` clips every
    parameter, biases and normalization scales too, as the official codes of WGAN and GLS-GAN do;
    `weights` leaves alone what has fewer than two dimensions.
    """

    title = "weight clipping, Arjovsky et al. 2017"

    bound: PositiveFloat = 0.01
    parameters: Literal["all", "weights"] = "all"

    def after_step(self, parameters: "Sequence[Parameter]") -> None:
        import torch

        least = {"all": 0, "weights": 2}[self.parameters]
        clipped = [p for p in parameters if p.dim() >= least]
        with torch.no_grad():
            torch._foreach_clamp_min_(clipped, -self.bound)
            torch._foreach_clamp_max_(clipped, self.bound)


@settings
class WeightProjection(Regularizer):
    """Weight projection of the GLS-GAN authors' code: onto a ball of the mean absolute value.

    After each critic update a parameter tensor w with mean |w| above the bound is scaled by
    bound / mean |w|; the others stay as they are.
    """

    title = "weight projection (mean absolute value), Qi 2018"

    bound: PositiveFloat = 0.08

    def after_step(self, parameters: "Sequence[Parameter]") -> None:
        import torch

        with torch.no_grad():
            for parameter in parameters:
                size = parameter.abs().mean()
                parameter.mul_((self.bound / size).clamp(max=1))


@settings
class GradientPenalty(Regularizer):
    """Gradient penalty, Gulrajani et al. 2017 (arXiv:1704.00028, eq. 3).

    weight * E (|grad D(u)| - target)^2 at samples u. With `one_sided` only norms above the target
    are penalized (their section 4). `interpolates` draws u uniformly on the line between the i-th
    real and the i-th fake sample, one draw per sample.
    """

    title = "gradient penalty, Gulrajani et al. 2017"

    weight: NonNegativeFloat = 10.0
    target: NonNegativeFloat = 1.0
    one_sided: bool = False
    at: Literal["interpolates", "reals", "fakes"] = "interpolates"

    def prepare(self, critic: "Module") -> None:
        """Raises SettingError for batch norm, which ties the samples' gradients together."""
        refuse_batch_norm(critic)

    def penalty(
        self, critic: "Module", real: "Tensor", fake: "Tensor", y: "Tensor"
    ) -> "Tensor | float":
        points = {
            "interpolates": lambda: interpolate(real, fake, y),
            "reals": lambda: real,
            "fakes": lambda: fake,
        }
        # the small constant keeps the root's own gradient finite where the gradient vanishes
        norm = squared_gradient(critic, points[self.at](), y).add(1e-12).sqrt()
        excess = norm - self.target
        return self.weight * (excess.relu() if self.one_sided else excess).square().mean(-1)


@settings
class R1(Regularizer):
    """R1, Mescheder et al. 2018 (arXiv:1801.04406, eq. 9): weight / 2 * E |grad D(x)|^2 at reals.

    Their code leaves out the 1/2: its 10 is 20 here.
    """

    title = "R1, Mescheder et al. 2018"

    weight: NonNegativeFloat = 10.0

    def prepare(self, critic: "Module") -> None:
        """Raises SettingError for batch norm, which ties the samples' gradients together."""
        refuse_batch_norm(critic)

    def penalty(
        self, critic: "Module", real: "Tensor", fake: "Tensor", y: "Tensor"
    ) -> "Tensor | float":
        return 0.5 * self.weight * squared_gradient(critic, real, y).mean(-1)


@settings
class R2(R1):
    """R2, Mescheder et al. 2018 (arXiv:1801.04406): R1's penalty, at fakes."""

    title = "R2, Mescheder et al. 2018"

    def penalty(
        self, critic: "Module", real: "Tensor", fake: "Tensor", y: "Tensor"
    ) -> "Tensor | float":
        return 0.5 * self.weight * squared_gradient(critic, fake, y).mean(-1)


@settings
class Dragan(GradientPenalty):
    """DRAGAN, Kodali et al. 2017 (arXiv:1705.07215): a gradient penalty around the reals.

    At x + share * noise * std(x) / 2, one share per sample and one noise per element, both uniform
    on [0, 1), and std over the whole batch, as in the authors' code.
    """

    title = "DRAGAN, Kodali et al. 2017"

    def penalty(
        self, critic: "Module", real: "Tensor", fake: "Tensor", y: "Tensor"
    ) -> "Tensor | float":
        import torch

        spread = real.flatten(y.dim() - 1).std(-1)
        spread = spread.reshape(*spread.shape, *[1] * (real.dim() - spread.dim()))
        perturbed = real + 0.5 * spread * torch.rand_like(real)
        # the base class interpolates between the reals and what takes the fakes' place
        return super().penalty(critic, real, perturbed, y)


def interpolate(real: "Tensor", fake: "Tensor", y: "Tensor") -> "Tensor":
    """A point on the line between each pair, uniformly, one draw for each label in y (..., N)."""
    import torch

    share = torch.rand(y.shape, dtype=real.dtype, device=real.device)
    return torch.lerp(real, fake, share.reshape(*y.shape, *[1] * (real.dim() - y.dim())))


def squared_gradient(critic: "Module", x: "Tensor", y: "Tensor") -> "Tensor":
    """|grad D(x, y)|^2 of each sample's score with respect to that sample, shape (..., N)."""
    import torch

    x = x.detach().requires_grad_()
    score = critic(x, y)
    (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    return gradient.flatten(score.dim()).square().sum(-1)


def refuse_batch_norm(critic: "Module") -> None:
    """Raises SettingError if the critic mixes its batch, which has no per-sample gradient."""
    from torch.nn.modules.batchnorm import _BatchNorm

    if any(isinstance(module, _BatchNorm) for module in critic.modules()):
        allowed = "a gradient penalty needs a critic without batch norm; use layer, group or none"
        raise SettingError("architecture.critic.norm", "batch", allowed)


@settings
class SpectralNorm(Regularizer):
    """Spectral normalization, Miyato et al. 2018 (arXiv:1802.05957, algorithm 1).

    Every weight of the critic is divided by its largest singular value, estimated by one power
    iteration per training forward pass and none in evaluation.
    """

    title = "spectral normalization, Miyato et al. 2018"

    def prepare(self, critic: "Module") -> None:
        from torch import nn
        from torch.nn.utils.parametrizations import spectral_norm

        weighted = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)
        for module in critic.modules():
            if isinstance(module, weighted):
                spectral_norm(module)


@settings
class Augmentation(Regularizer):
    """Differentiable augmentation, Zhao et al. 2020 (arXiv:2006.10738), with instance noise.

    Whatever the critic sees while it trains, real or fake, in its own updates and the generator's,
    is first moved, turned and scaled by an amount per sample, uniform within the bounds, the
    border's pixels following, and gets normal noise, Sonderby et al. 2017 (arXiv:1610.04490).
    """

    title = "differentiable augmentation, Zhao et al. 2020"

    shift: Annotated[float, Range(ge=0, le=1)] = 0.125  # share of the side
    rotation: Annotated[float, Range(ge=0, le=180)] = 0.0  # degrees
    scale: Annotated[float, Range(ge=0, lt=1)] = 0.0  # relative change of size
    noise: NonNegativeFloat = 0.0  # standard deviation; images lie in [-1, 1]

    def prepare(self, critic: "Module") -> None:
        def augment(body: "Module", inputs: tuple) -> tuple:
            return (self.augmented(inputs[0]), *inputs[1:]) if body.training else inputs

        critic.body.register_forward_pre_hook(augment)

    def augmented(self, x: "Tensor") -> "Tensor":
        """Samples (N, *shape): images moved, turned and scaled, and all of them noisy."""
        import torch

        moved = self._moved(x) if x.dim() == 4 else x
        return moved + self.noise * torch.randn_like(moved) if self.noise else moved

    def _moved(self, x: "Tensor") -> "Tensor":
        import math

        import torch
        from torch.nn import functional

        rows, columns, turn, size = torch.rand(4, len(x), device=x.device).mul(2).sub(1)
        angle, size = turn * self.rotation * (math.pi / 180), 1 + size * self.scale
        cosine, sine = size * angle.cos(), size * angle.sin()
        shift = 2 * self.shift  # in the grid's units the side is 2
        upper = torch.stack([cosine, -sine, shift * columns], 1)
        lower = torch.stack([sine, cosine, shift * rows], 1)
        grid = functional.affine_grid(torch.stack([upper, lower], 1), x.shape, align_corners=False)
        return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


@settings
class Several(Regularizer):
    """Several regularizers at once, in the order of their names' appearance; penalties add up."""

    parts: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The parts' titles."""
        return "; ".join(part.title for part in self.parts.values()) or "no regularizer"

    def check(self) -> None:
        """Raises SettingError for a part that is no regularizer."""
        for name, part in self.parts.items():
            if not isinstance(part, Regularizer):
                raise SettingError(f"parts.{name}", part, "must be a regularizer")

    def prepare(self, critic: "Module") -> None:
        for part in self.parts.values():
            part.prepare(critic)

    def penalty(
        self, critic: "Module", real: "Tensor", fake: "Tensor", y: "Tensor"
    ) -> "Tensor | float":
        return sum(part.penalty(critic, real, fake, y) for part in self.parts.values())

    def after_step(self, parameters: "Sequence[Parameter]") -> None:
        for part in self.parts.values():
            part.after_step(parameters)
