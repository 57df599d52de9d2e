"""Optimizer and EMA updates as plain arithmetic that a compiler can fuse with the step.

They keep the state of torch's optimizers, under torch's names, so that either kind of update can
resume after the other; results agree up to rounding.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gan_zoo.training.ema import EMA
from gan_zoo.training.step import GANState, OptimizerStep

_BLOCK = 256  # updates whose factors are computed together


class _FunctionalOptimizer:
    """One optimizer's update of parameters (a list), given their gradients.

    Args:
        optimizer: with one group of parameters; missing state is initialized.

    Attributes:
        rates: learning rates (S,) of the runs of a stack; None for that of the optimizer.
    """

    moments: tuple[str, ...]  # torch's names of the state of each parameter, zero at first

    def __init__(self, optimizer: torch.optim.Optimizer):
        (self.group,) = optimizer.param_groups
        self.rates: Tensor | None = None
        self.parameters: list[nn.Parameter] = self.group["params"]
        for parameter in self.parameters:
            state = optimizer.state[parameter]
            if not state:
                state["step"] = torch.zeros((), device=parameter.device)
                state.update({name: torch.zeros_like(parameter) for name in self.moments})
        states = [optimizer.state[parameter] for parameter in self.parameters]
        self.state = [tuple(state[name] for name in self.moments) for state in states]
        self.steps = [state["step"] for state in states]
        self.step = int(self.steps[0].item())
        self._next_factors: list[Tensor] = []
        self.factors: Any = ()

    def factors_of(self, step: Any) -> list[Any]:
        """Return factors that change with every step: numbers, or tensors for a tensor."""
        return []

    def before(self) -> None:
        """Prepare the next update; call it outside of the graph."""
        if not self._next_factors:  # one tensor costs as much as many
            steps = range(self.step + _BLOCK, self.step, -1)
            factors = [self.factors_of(step) for step in steps]
            self._next_factors = list(self.parameters[0].new_tensor(factors).unbind())
        self.step += 1
        self.factors = self._next_factors.pop()

    def compute_factors(self) -> None:
        """Prepare the next update on the device: also in a CUDA graph, which `before` is not."""
        self.factors = self.factors_of(self.steps[0].to(self.parameters[0].dtype) + 1)

    def update(self, parameter: Tensor, gradient: Tensor, state: tuple[Tensor, ...]) -> None:
        """Update a parameter and its optimizer state in place."""
        raise NotImplementedError

    def rate_of(self, parameter: Tensor) -> Tensor:
        """Return the learning rates of a stack, as factors of a stacked parameter (S, ...)."""
        assert self.rates is not None
        return self.rates.reshape(-1, *[1] * (parameter.dim() - 1))

    def __call__(self, gradients: Sequence[Tensor]) -> None:
        """Update all parameters."""
        torch._foreach_add_(self.steps, 1)
        for parameter, gradient, state in zip(self.parameters, gradients, self.state, strict=True):
            decayed = gradient + self.group["weight_decay"] * parameter
            self.update(parameter, decayed if self.group["weight_decay"] else gradient, state)


class _Adam(_FunctionalOptimizer):
    moments = ("exp_avg", "exp_avg_sq")

    def factors_of(self, step: Any) -> list[Any]:
        first, second = (1 - beta**step for beta in self.group["betas"])
        return [(self.group["lr"] if self.rates is None else 1.0) / first, second**-0.5]

    def update(self, parameter: Tensor, gradient: Tensor, state: tuple[Tensor, ...]) -> None:
        (mean, square), (beta1, beta2) = state, self.group["betas"]
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = square.sqrt() * self.factors[1] + self.group["eps"]
        change = self.factors[0] * mean / root
        parameter.sub_(change if self.rates is None else self.rate_of(parameter) * change)


class _RMSprop(_FunctionalOptimizer):
    moments = ("square_avg",)

    def update(self, parameter: Tensor, gradient: Tensor, state: tuple[Tensor, ...]) -> None:
        (square,), alpha = state, self.group["alpha"]
        square.mul_(alpha).addcmul_(gradient, gradient, value=1 - alpha)
        root = square.sqrt() + self.group["eps"]
        if self.rates is None:
            parameter.addcdiv_(gradient, root, value=-self.group["lr"])
        else:
            parameter.sub_(self.rate_of(parameter) * gradient / root)


def functional_optimizer(optimizer: torch.optim.Optimizer) -> _FunctionalOptimizer:
    """Return the traceable update of an optimizer, whose missing state is initialized.

    Raises TypeError for one other than Adam and RMSprop.
    """
    if isinstance(optimizer, torch.optim.Adam):
        return _Adam(optimizer)
    if isinstance(optimizer, torch.optim.RMSprop):
        return _RMSprop(optimizer)
    raise TypeError(f"no traceable update for {type(optimizer).__name__}")


class TraceableStep:
    """An `OptimizerStep` in traceable operations; call `before` and `after` around it.

    Attributes:
        gradients: of the last update.

    Raises TypeError for an optimizer other than Adam and RMSprop.
    """

    def __init__(self, step: OptimizerStep):
        self.optimizer, self.parameters = functional_optimizer(step.optimizer), step.parameters
        self.optimizer.rates = step.rates
        self.ranks = step.ranks
        self.gradients: Sequence[Tensor] = ()

    def __call__(self, loss: Tensor, values: Sequence[Tensor]) -> Sequence[Tensor]:
        """Take one step that minimizes the sum of a loss (...); returns averages of the values."""
        parameters = self.optimizer.parameters
        computed = torch.autograd.grad(loss.sum(), parameters)
        gradients = [_with_strides_of(*each) for each in zip(parameters, computed, strict=True)]
        averaged = self.ranks.average_together([*gradients, *values])
        self.gradients = averaged[: len(gradients)]
        with torch.no_grad():
            self.optimizer(self.gradients)
        return averaged[len(gradients) :]

    def before(self) -> None:
        """Prepare a step; call it outside of the graph."""
        self.optimizer.before()

    def after(self) -> None:
        """Finish a step."""


def _with_strides_of(parameter: Tensor, gradient: Tensor) -> Tensor:
    """Return a gradient in its parameter's order in memory, in which updates are fastest.

    Those of stacked weights are transposed.
    """
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


class TraceableEMA:
    """An `EMA` whose weight is a tensor on the device.

    Attributes:
        weight: of the trained network in the next update; set it before each.
    """

    def __init__(self, ema: EMA):
        self.ema, self.network = ema, ema.network
        self.weight = ema.ema_parameters[0].new_zeros(())

    @torch.no_grad()
    def update(self) -> None:
        """Update the EMA with the current weights of the trained network."""
        for ema, trained in zip(self.ema.ema_parameters, self.ema.parameters, strict=True):
            ema.lerp_(trained, self.weight)
        for ema, trained in self.ema.buffers:
            ema.copy_(trained)

    def before(self) -> None:
        """Prepare an update; call it outside of the graph."""
        self.weight.fill_(self.ema.weight())

    def after(self) -> None:
        """Finish an update."""
        self.ema.updates += 1


def traceable_copy(gan: GANState) -> Any:
    """Copy a GANState with traceable EMA updates, for use in a graph."""
    traceable: Any = copy.copy(gan)
    traceable.ema = TraceableEMA(gan.ema)
    traceable.ema_critic = gan.ema_critic and TraceableEMA(gan.ema_critic)
    return traceable
