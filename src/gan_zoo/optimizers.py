"""Settings of the optimizers.

Calling one with a list of parameters returns a torch optimizer. The methods import torch, so that
settings are checked without waiting for that import.
"""

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from gan_zoo.schema import NonNegativeFloat, PositiveFloat, Range, settings

if TYPE_CHECKING:
    from torch.nn import Parameter
    from torch.optim import Optimizer

Momentum = Annotated[float, Range(ge=0, lt=1)]


@settings
class Adam:
    """Adam, Kingma & Ba 2015. Weight decay is the coupled L2 term of the authors' GAN codes."""

    lr: PositiveFloat
    betas: tuple[Momentum, Momentum] = (0.5, 0.999)
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.0

    def __call__(self, parameters: "Iterable[Parameter]") -> "Optimizer":
        import torch

        parameters = list(parameters)
        # one kernel for all parameters, the largest gain for small networks on CPUs
        fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
        return _uncompiled(torch.optim.Adam)(
            parameters,
            lr=self.lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=fused or None,
        )


@settings
class RMSprop:
    """RMSprop, Tieleman & Hinton 2012, without momentum: the recipe of Wasserstein GAN."""

    lr: PositiveFloat
    alpha: Momentum = 0.99
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.0

    def __call__(self, parameters: "Iterable[Parameter]") -> "Optimizer":
        import torch

        return _uncompiled(torch.optim.RMSprop)(
            parameters,
            lr=self.lr,
            alpha=self.alpha,
            eps=self.eps,
            weight_decay=self.weight_decay,
            foreach=True,
        )


def _uncompiled(optimizer: "type[Optimizer]") -> "type[Optimizer]":
    """Unwrap an optimizer's methods, whose wrapper imports torch.compile, which takes a second."""
    import torch

    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in names}
    step = torch.no_grad()(inspect.unwrap(optimizer.step))
    return type(optimizer.__name__, (optimizer,), {**methods, "step": step})
