"""How the two players descend: settings that make torch's optimizers.

Each is called with a list of parameters and returns a torch optimizer. torch is imported where it
is used, so that settings can be checked without waiting for it.
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

        # fused: one kernel for all parameters, on CPU the largest single gain for small networks
        return _light(torch.optim.Adam)(
            parameters,
            lr=self.lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=True,
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

        return _light(torch.optim.RMSprop)(
            parameters,
            lr=self.lr,
            alpha=self.alpha,
            eps=self.eps,
            weight_decay=self.weight_decay,
            foreach=True,
        )


def _light(optimizer: "type[Optimizer]") -> "type[Optimizer]":
    """The same optimizer, but not wrapped for torch.compile, whose import takes a second."""
    import torch

    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in names}
    step = torch.no_grad()(inspect.unwrap(optimizer.step))
    return type(optimizer.__name__, (optimizer,), {**methods, "step": step})
