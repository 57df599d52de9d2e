"""Penalties on the gradient of the critic's score with respect to the sample.

Norms are per sample, over all of its dimensions.
"""

from typing import TYPE_CHECKING, Literal

from gan_zoo.regularizers.regularizer import Regularizer
from gan_zoo.schema import ConfigError, NonNegativeFloat, settings

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


@settings
class GradientPenalty(Regularizer):
    """Gradient penalty, Gulrajani et al. 2017 (arXiv:1704.00028, eq. 3).

    weight * E (|grad D(u)| - target)^2 at samples u. With `one_sided` only norms above the target
    are penalized (their section 4). With `interpolates`, u is
    uniformly distributed on the line between the i-th real and the i-th fake sample.
    """

    title = "gradient penalty, Gulrajani et al. 2017"

    weight: NonNegativeFloat = 10.0
    target: NonNegativeFloat = 1.0
    one_sided: bool = False
    at: Literal["interpolates", "reals", "fakes"] = "interpolates"

    def prepare(self, critic: "Module") -> None:
        """Raises ConfigError for batch norm, with which gradients are not per sample."""
        refuse_batch_norm(critic)

    def penalty(
        self, critic: "Module", real: "Tensor", fake: "Tensor", y: "Tensor"
    ) -> "Tensor | float":
        if self.at == "interpolates":
            x = interpolate(real, fake, y)
        else:
            x = real if self.at == "reals" else fake
        # the constant keeps the derivative of the root finite at a zero gradient
        norm = squared_gradient(critic, x, y).add(1e-12).sqrt()
        excess = norm - self.target
        return self.weight * (excess.relu() if self.one_sided else excess).square().mean(-1)


@settings
class R1(Regularizer):
    """R1, Mescheder et al. 2018 (arXiv:1801.04406, eq. 9): weight / 2 * E |grad D(x)|^2 at reals.

    Their code omits the 1/2: its 10 is 20 here.
    """

    title = "R1, Mescheder et al. 2018"

    weight: NonNegativeFloat = 10.0

    def prepare(self, critic: "Module") -> None:
        """Raises ConfigError for batch norm, with which gradients are not per sample."""
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
    """DRAGAN, Kodali et al. 2017 (arXiv:1705.07215): a gradient penalty around real samples.

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
        # the base class interpolates between real and perturbed samples
        return super().penalty(critic, real, perturbed, y)


def interpolate(real: "Tensor", fake: "Tensor", y: "Tensor") -> "Tensor":
    """Return a uniformly random point between each real and fake sample; y is (..., N)."""
    import torch

    share = torch.rand(y.shape, dtype=real.dtype, device=real.device)
    return torch.lerp(real, fake, share.reshape(*y.shape, *[1] * (real.dim() - y.dim())))


def squared_gradient(critic: "Module", x: "Tensor", y: "Tensor") -> "Tensor":
    """Return |grad D(x, y)|^2 of each score with respect to its sample, shape (..., N)."""
    import torch

    x = x.detach().requires_grad_()
    score = critic(x, y)
    (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    return gradient.flatten(score.dim()).square().sum(-1)


def refuse_batch_norm(critic: "Module") -> None:
    """Raises ConfigError for a critic with batch norm, which has no per-sample gradients."""
    from torch.nn.modules.batchnorm import _BatchNorm

    if any(isinstance(module, _BatchNorm) for module in critic.modules()):
        allowed = "a gradient penalty needs a critic without batch norm; use layer, group or none"
        raise ConfigError("architecture.critic.norm", "batch", allowed)
