"""Spectral normalization of one layer, for networks alone and for stacks of them."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _SpectralNorm


class _StackableSpectralNorm(_SpectralNorm):
    """Torch's, with equal values and names; its own writes in a way that vmap cannot batch."""

    @torch.no_grad()
    def _power_method(self, weight_mat: Tensor, n_power_iterations: int) -> None:
        for _ in range(n_power_iterations):
            u = functional.normalize(torch.mv(weight_mat, self._v), dim=0, eps=self.eps)
            v = functional.normalize(torch.mv(weight_mat.T, u), dim=0, eps=self.eps)
            self._u.copy_(u)
            self._v.copy_(v)


def normalize_spectrally(layer: nn.Module) -> None:
    """Divide the weight of a layer by its largest singular value from now on.

    Not on the meta device, where weights have no values and products import torch.compile.
    """
    if layer.weight.is_meta:
        return
    transposed = isinstance(layer, nn.modules.conv._ConvTransposeNd)
    outputs = 1 if transposed else 0  # the dimension of them
    parametrize.register_parametrization(
        layer, "weight", _StackableSpectralNorm(layer.weight, dim=outputs)
    )


def is_spectrally_normalized(network: nn.Module) -> bool:
    """Return whether a network has a layer for which `normalize_spectrally` was called."""
    return any(isinstance(each, _StackableSpectralNorm) for each in network.modules())
