"""What bounds the gradient of the critic's score with respect to the sample.

A gradient's norm is taken per sample, over all of the sample's dimensions.
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
    are penalized (their section 4). `interpolates` draws u uniformly on the line between the i-th
    real and the i-th fake sample, one draw per sample.
    """

    title = "gradient penalty, Gulrajani et al. 2017"

    weight: NonNegativeFloat = 10.0
    target: NonNegativeFloat = 1.0
    one_sided: bool = False
    at: Literal["interpolates", "reals", "fakes"] = "interpolates"

    def prepare(self, critic: "Module") -> None:
        """Raises ConfigError for batch norm, which ties the samples' gradients together."""
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
        """Raises ConfigError for batch norm, which ties the samples' gradients together."""
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
    """Raises ConfigError if the critic mixes its batch, which has no per-sample gradient."""
    from torch.nn.modules.batchnorm import _BatchNorm

    if any(isinstance(module, _BatchNorm) for module in critic.modules()):
        allowed = "a gradient penalty needs a critic without batch norm; use layer, group or none"
        raise ConfigError("architecture.critic.norm", "batch", allowed)
