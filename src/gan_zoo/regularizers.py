"""What keeps the critic tame: three hooks, all doing nothing unless a regularizer says otherwise.

`prepare` sees the critic once, before training; `penalty` adds to the critic's loss; `after_step`
follows every critic update. Penalties have the shape of the losses, (...), and norms are taken per
sample over all its dimensions.
"""

from typing import TYPE_CHECKING

from gan_zoo.schema import NonNegativeFloat, PositiveFloat, SettingError, settings

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


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

    def after_step(self, critic: "Module") -> None:
        """Change the critic after each of its updates."""


@settings
class WeightClip(Regularizer):
    """Weight clipping, Arjovsky et al. 2017: every parameter into [-bound, bound].

    All parameters are clipped, biases and normalization scales too, as in the official code, but
    after each critic update (algorithm 1), so that the generator faces a clipped critic.
    """

    title = "weight clipping, Arjovsky et al. 2017"

    bound: PositiveFloat = 0.01

    def after_step(self, critic: "Module") -> None:
        import torch

        with torch.no_grad():
            parameters = list(critic.parameters())
            torch._foreach_clamp_min_(parameters, -self.bound)
            torch._foreach_clamp_max_(parameters, self.bound)


@settings
class GradientPenalty(Regularizer):
    """Gradient penalty, Gulrajani et al. 2017 (arXiv:1704.00028, eq. 3).

    weight * E (|grad D(u)| - 1)^2, u drawn uniformly on the line between the i-th real and the i-th
    fake sample: one draw per sample, one norm per sample.
    """

    title = "gradient penalty, Gulrajani et al. 2017"

    weight: NonNegativeFloat = 10.0

    def prepare(self, critic: "Module") -> None:
        """Raises SettingError for batch norm, which ties the samples' gradients together."""
        refuse_batch_norm(critic)

    def penalty(
        self, critic: "Module", real: "Tensor", fake: "Tensor", y: "Tensor"
    ) -> "Tensor | float":
        import torch

        # one draw per sample and per run: y has the batch's shape, (..., N)
        share = torch.rand(y.shape, dtype=real.dtype, device=real.device)
        share = share.reshape(*y.shape, *[1] * (real.dim() - y.dim()))
        norm = gradient_norm(critic, torch.lerp(real, fake, share), y)
        return self.weight * (norm - 1).square().mean(-1)


def gradient_norm(critic: "Module", x: "Tensor", y: "Tensor") -> "Tensor":
    """Norm of the gradient of each sample's score with respect to that sample, shape (..., N)."""
    import torch

    x = x.detach().requires_grad_()
    score = critic(x, y)
    (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    # the small constant keeps the root's own gradient finite where the gradient vanishes
    return gradient.flatten(score.dim()).square().sum(-1).add(1e-12).sqrt()


def refuse_batch_norm(critic: "Module") -> None:
    """Raises SettingError if the critic mixes its batch, which has no per-sample gradient."""
    from torch.nn.modules.batchnorm import _BatchNorm

    if any(isinstance(module, _BatchNorm) for module in critic.modules()):
        raise SettingError(
            "architecture.critic.norm",
            "batch",
            "a gradient penalty needs a critic without batch norm; use layer or none",
        )


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
