"""Updates as plain arithmetic, which a compiler can put into one graph with what precedes them.

They keep the state of torch's optimizers, under torch's names, so that either kind of update can go
on where the other stopped; results agree up to rounding.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gan_zoo.training.ema import MovingAverage
from gan_zoo.training.step import Descent, Game

_AHEAD = 256  # updates whose factors are computed together


class _Rule:
    """One optimizer's update of parameters (a list), given their gradients.

    Args:
        optimizer: with one group of parameters; its state is begun where there is none.
    """

    moments: tuple[str, ...]  # torch's names of what is kept for each parameter, begun at zero

    def __init__(self, optimizer: torch.optim.Optimizer):
        (self.group,) = optimizer.param_groups
        self.parameters: list[nn.Parameter] = self.group["params"]
        for parameter in self.parameters:
            state = optimizer.state[parameter]
            if not state:
                state["step"] = torch.zeros((), device=parameter.device)
                state.update({name: torch.zeros_like(parameter) for name in self.moments})
        states = [optimizer.state[parameter] for parameter in self.parameters]
        self.kept = [tuple(state[name] for name in self.moments) for state in states]
        self.steps = [state["step"] for state in states]
        self.taken = int(self.steps[0].item())
        self._ahead: list[Tensor] = []
        self.factors: Tensor | None = None

    def factors_of(self, step: int) -> list[float]:
        """What changes with every step, and would be computed anew for each weight in the graph."""
        return []

    def before(self) -> None:
        """To be called before the next update, outside of the graph."""
        if not self._ahead:  # to make one tensor costs as much as to make many
            steps = range(self.taken + _AHEAD, self.taken, -1)
            factors = [self.factors_of(step) for step in steps]
            self._ahead = list(self.parameters[0].new_tensor(factors).unbind())
        self.taken += 1
        self.factors = self._ahead.pop()

    def update(self, parameter: Tensor, gradient: Tensor, kept: tuple[Tensor, ...]) -> None:
        """Change a parameter and what is kept for it, in place."""
        raise NotImplementedError

    def __call__(self, gradients: Sequence[Tensor]) -> None:
        """Update all parameters."""
        torch._foreach_add_(self.steps, 1)
        for parameter, gradient, kept in zip(self.parameters, gradients, self.kept, strict=True):
            decayed = gradient + self.group["weight_decay"] * parameter
            self.update(parameter, decayed if self.group["weight_decay"] else gradient, kept)


class _Adam(_Rule):
    moments = ("exp_avg", "exp_avg_sq")

    def factors_of(self, step: int) -> list[float]:
        first, second = (1 - beta**step for beta in self.group["betas"])
        return [self.group["lr"] / first, second**-0.5]

    def update(self, parameter: Tensor, gradient: Tensor, kept: tuple[Tensor, ...]) -> None:
        (mean, square), (beta1, beta2) = kept, self.group["betas"]
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = square.sqrt() * self.factors[1] + self.group["eps"]
        parameter.sub_(self.factors[0] * mean / root)


class _RMSprop(_Rule):
    moments = ("square_avg",)

    def update(self, parameter: Tensor, gradient: Tensor, kept: tuple[Tensor, ...]) -> None:
        (square,), alpha = kept, self.group["alpha"]
        square.mul_(alpha).addcmul_(gradient, gradient, value=1 - alpha)
        parameter.addcdiv_(gradient, square.sqrt() + self.group["eps"], value=-self.group["lr"])


_RULES = {torch.optim.Adam: _Adam, torch.optim.RMSprop: _RMSprop}


class TracedDescent:
    """What a `Descent` does, in operations that can be traced. `before` and `after` surround it.

    Attributes:
        gradients: of the last update.

    Raises TypeError for an optimizer other than Adam and RMSprop.
    """

    def __init__(self, descent: Descent):
        kinds = [rule for kind, rule in _RULES.items() if isinstance(descent.optimizer, kind)]
        if not kinds:
            raise TypeError(f"no traceable update for {type(descent.optimizer).__name__}")
        self.rule, self.parameters = kinds[0](descent.optimizer), descent.parameters
        self.gradients: tuple[Tensor, ...] = ()

    def __call__(self, loss: Tensor) -> None:
        """One update along the gradient of a loss (...), the sum of which is minimised."""
        self.gradients = torch.autograd.grad(loss.sum(), self.rule.parameters)
        with torch.no_grad():
            self.rule(self.gradients)

    def before(self) -> None:
        """To be called before a step, outside of the graph."""
        self.rule.before()

    def after(self) -> None:
        """To be called after a step."""


class TracedAverage:
    """What a `MovingAverage` does, by a weight that is a number on the device.

    Attributes:
        weight: of the trained network in the next update, to be set before it.
    """

    def __init__(self, average: MovingAverage):
        self.average, self.network = average, average.network
        self.weight = average.averages[0].new_zeros(())

    @torch.no_grad()
    def update(self) -> None:
        """Take the trained network's present weights into the average."""
        for ours, theirs in zip(self.average.averages, self.average.parameters, strict=True):
            ours.lerp_(theirs, self.weight)
        for ours, theirs in self.average.buffers:
            ours.copy_(theirs)

    def before(self) -> None:
        """To be called before an update, outside of the graph."""
        self.weight.fill_(self.average.weight())

    def after(self) -> None:
        """To be called after an update."""
        self.average.updates += 1


def twin_of(game: Game) -> Any:
    """The same game, its averages traced: what a graph is made of."""
    twin: Any = copy.copy(game)
    twin.average = TracedAverage(game.average)
    twin.classifier = game.classifier and TracedAverage(game.classifier)
    return twin
