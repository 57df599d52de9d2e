"""Bounds on the critic's weights: clipping, projection, spectral normalization."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from gan_zoo.regularizers.regularizer import Regularizer
from gan_zoo.schema import PositiveFloat, settings

if TYPE_CHECKING:
    from torch.nn import Module, Parameter


@settings
class WeightClip(Regularizer):
    """Weight clipping, Arjovsky et al. 2017 (arXiv:1701.07875, algorithm 1).

    After each critic update, so that the generator's critic is clipped, too. `all` clips every
    parameter, including biases and normalization scales, as the official codes of WGAN and GLS-GAN
    do; `weights` skips parameters with fewer than two dimensions.
    """

    title = "weight clipping, Arjovsky et al. 2017"

    bound: PositiveFloat = 0.01
    parameters: Literal["all", "weights"] = "all"

    def after_step(self, parameters: "Sequence[Parameter]") -> None:
        import torch

        with torch.no_grad():
            for parameter in parameters:
                if self.parameters == "all" or parameter.dim() >= 2:
                    parameter.clamp_min_(-self.bound).clamp_max_(self.bound)


@settings
class WeightProjection(Regularizer):
    """Weight projection of the GLS-GAN authors' code, onto a ball of the mean absolute value.

    After each critic update a parameter tensor w with mean |w| above the bound is scaled by
    bound / mean |w|.
    """

    title = "weight projection (mean absolute value), Qi 2018"

    bound: PositiveFloat = 0.08

    def after_step(self, parameters: "Sequence[Parameter]") -> None:
        import torch

        with torch.no_grad():
            for parameter in parameters:
                size = parameter.abs().mean(-1).mean()  # the same for any number of CPU threads
                parameter.mul_((self.bound / size).clamp(max=1))


@settings
class SpectralNorm(Regularizer):
    """Spectral normalization, Miyato et al. 2018 (arXiv:1802.05957, algorithm 1).

    Every weight of the critic's linear layers, convolutions and embeddings is divided by its
    largest singular value, estimated by one power iteration per training forward pass and none in
    evaluation. Parameters of other layers stay as they are.
    """

    title = "spectral normalization, Miyato et al. 2018"

    def prepare(self, critic: "Module") -> None:
        from torch import nn

        from gan_zoo.spectral_norm import normalize_spectrally

        weighted = (nn.Linear, nn.modules.conv._ConvNd, nn.Embedding)
        for module in critic.modules():
            if isinstance(module, weighted):
                normalize_spectrally(module)
