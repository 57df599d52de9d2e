"""Networks, averages and optimizers of several runs as one of each."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.modules.batchnorm import _BatchNorm

from gan_zoo.ranks import Ranks
from gan_zoo.training.ema import EMA
from gan_zoo.training.step import OptimizerStep
from gan_zoo.training.traceable import TraceableStep, functional_optimizer


class StackedNetwork:
    """Networks of equal structure as one, whose parameters and buffers become slices of its own.

    Called with samples or latent vectors (S, N, ...) and labels (S, N), it returns what each of
    the networks returns for its part.

    Raises TypeError for networks of other parameters or buffers.
    """

    def __init__(self, networks: Sequence[nn.Module]):
        self.networks = list(networks)
        if any(_shapes(network) != _shapes(networks[0]) for network in networks):
            raise TypeError("networks have other parameters")
        self._template = copy.deepcopy(networks[0]).to("meta")
        for module in self._template.modules():
            if isinstance(module, (nn.GroupNorm, _BatchNorm)):  # torch 2.11 stacks this format only
                module.register_forward_pre_hook(lambda _, given: (given[0].contiguous(),))
        self.named_parameters = {
            name: nn.Parameter(
                torch.stack([network.get_parameter(name).detach() for network in networks]),
                requires_grad=parameter.requires_grad,
            )
            for name, parameter in networks[0].named_parameters()
        }
        self.named_buffers = {
            name: torch.stack([network.get_buffer(name) for network in networks])
            for name, _ in networks[0].named_buffers()
        }
        for run, network in enumerate(networks):
            for name, stacked in self.named_parameters.items():
                network.get_parameter(name).data = stacked.detach()[run]
            for name, stacked in self.named_buffers.items():
                owner, _, own = name.rpartition(".")
                network.get_submodule(owner)._buffers[own] = stacked[run]
        self._call = vmap(self._call_one)
        self._call_of_shared = vmap(self._call_one, in_dims=(0, 0, None, None))

    def _call_one(
        self, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], *inputs: Tensor
    ) -> Tensor:
        return functional_call(self._template, (parameters, buffers), inputs)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        return self._call(self.named_parameters, self.named_buffers, x, y)

    def of_shared(self, x: Tensor, y: Tensor) -> Tensor:
        """Return what each of the networks returns for the same x (N, ...) and y (N,)."""
        return self._call_of_shared(self.named_parameters, self.named_buffers, x, y)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the stacked parameters (S, ...)."""
        return iter(self.named_parameters.values())

    def buffers(self) -> Iterator[Tensor]:
        """Return the stacked buffers (S, ...)."""
        return iter(self.named_buffers.values())


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    tensors = (*network.named_parameters(), *network.named_buffers())
    return {name: tensor.shape for name, tensor in tensors}


class StackedEMA(EMA):
    """The averages of several runs as one, all after the same number of updates."""

    def __init__(self, emas: Sequence[EMA], trained: StackedNetwork):
        self._emas, self.decay = list(emas), emas[0].decay
        self.network = StackedNetwork([ema.network for ema in emas])
        self.ema_parameters = list(self.network.parameters())
        self.parameters = list(trained.parameters())
        self.buffers = list(zip(self.network.buffers(), trained.buffers(), strict=True))

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return self._emas[0].updates

    @updates.setter
    def updates(self, count: int) -> None:
        for ema in self._emas:
            ema.updates = count


class StackedStep(OptimizerStep):
    """The optimizer steps of several runs as one.

    Args:
        optimizers: of the runs, of one kind; the state of each becomes slices of one state. Their
            settings are those of the first, but for learning rates.
        make: makes an optimizer with the settings of the first.

    Raises TypeError for an optimizer other than Adam and RMSprop.
    """

    def __init__(
        self,
        network: StackedNetwork,
        optimizers: Sequence[torch.optim.Optimizer],
        make: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
    ):
        super().__init__(network, _stack_optimizers(optimizers, network, make), Ranks())
        rates = [each.param_groups[0]["lr"] for each in optimizers]
        self._own: TraceableStep | None = None
        if any(rate != self.optimizer.param_groups[0]["lr"] for rate in rates):
            self.rates = self.parameters[0].new_tensor(rates)
            self._own = TraceableStep(self)

    @property
    def gradients(self) -> Sequence[Tensor]:
        """Gradients of the last update."""
        return self._own.gradients if self._own else super().gradients

    def __call__(self, loss: Tensor, values: Sequence[Tensor]) -> Sequence[Tensor]:
        """Take one step that minimizes each run's loss (S,)."""
        if self._own is None:
            return super().__call__(loss, values)
        self._own.optimizer.compute_factors()
        return self._own(loss, values)


def _stack_optimizers(
    optimizers: Sequence[torch.optim.Optimizer],
    network: StackedNetwork,
    make: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
) -> torch.optim.Optimizer:
    """Return one optimizer of a stack; the state of each run's own becomes slices of its state.

    make: makes an optimizer with the settings of the first.
    """
    stacked = make(list(network.parameters()))
    moments = functional_optimizer(stacked).moments  # also initializes the missing state
    for each in optimizers:
        functional_optimizer(each)
    for name, parameter in network.named_parameters.items():
        state = stacked.state[parameter]
        states = [
            optimizer.state[run.get_parameter(name)]
            for optimizer, run in zip(optimizers, network.networks, strict=True)
        ]
        state["step"].copy_(states[0]["step"])
        for own in states:
            own["step"] = state["step"]
        for moment in moments:
            torch.stack([own[moment] for own in states], out=state[moment])
            for run, own in enumerate(states):
                own[moment] = state[moment][run]
    return stacked
