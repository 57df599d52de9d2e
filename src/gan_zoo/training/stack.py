"""Several runs as one model: each tensor of theirs is a slice of a stacked tensor (S, ...).

Their steps are the steps of one run (`step.py`) with one more leading dimension: a small network
takes as long to start an operation as to compute it, and a stack starts it once for all runs.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from gan_zoo.losses import Loss, ScoredBatch
from gan_zoo.ranks import Ranks
from gan_zoo.regularizers import Combined, Numbers, PenaltyBatch, Regularizer
from gan_zoo.training.ema import EMA
from gan_zoo.training.noise import UpdateNoise
from gan_zoo.training.numerics import autocast_forward
from gan_zoo.training.step import GANState, OptimizerStep
from gan_zoo.training.traceable import functional_optimizer


class StackedNetwork:
    """Networks of equal structure as one, whose parameters and buffers become slices of its own.

    Called with samples or latent vectors (S, N, ...) and labels (S, N), it returns what each of
    the networks returns for its part.
    """

    def __init__(self, networks: Sequence[nn.Module]):
        self.networks = list(networks)
        self._template = copy.deepcopy(networks[0]).to("meta")
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

    def _call_one(
        self, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], *inputs: Tensor
    ) -> Tensor:
        return functional_call(self._template, (parameters, buffers), inputs)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        return self._call(self.named_parameters, self.named_buffers, x, y)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the stacked parameters (S, ...)."""
        return iter(self.named_parameters.values())

    def buffers(self) -> Iterator[Tensor]:
        """Return the stacked buffers (S, ...)."""
        return iter(self.named_buffers.values())


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


def stack_optimizers(
    optimizers: Sequence[torch.optim.Optimizer],
    network: StackedNetwork,
    make: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
) -> torch.optim.Optimizer:
    """Return one optimizer of a stack; the state of each run's own becomes slices of its state.

    make: makes an optimizer with the settings that all of them share.
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


def differing(settings: Sequence[Any]) -> dict[str, list[float]]:
    """Return the numeric settings of objects of one class whose values differ, by name.

    Raises TypeError where other settings differ.
    """
    found: dict[str, list[float]] = {}
    for field in dataclasses.fields(settings[0]):
        values = [getattr(each, field.name) for each in settings]
        if any(value != values[0] for value in values):
            if not all(type(value) in (int, float) for value in values):
                raise TypeError(f"{field.name} differs")
            found[field.name] = list(map(float, values))
    return found


def with_values(settings: Any, values: Mapping[str, Any]) -> Any:
    """Return a copy of settings with tensors in place of numbers."""
    changed = copy.copy(settings)
    for name, value in values.items():
        object.__setattr__(changed, name, value)
    return changed


class StackedLoss:
    """The losses of several runs, which differ in numbers only, as one."""

    def __init__(self, losses: Sequence[Loss], like: Tensor):
        self.needs_real, self._loss = losses[0].needs_real, losses[0]
        self._values = {k: like.new_tensor(v) for k, v in differing(losses).items()}

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> Tensor:
        """Return what each run's critic minimizes, shape (S,)."""
        return self._of_each("critic", real, fake)

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> Tensor:
        """Return what each run's generator minimizes, shape (S,)."""
        return self._of_each("generator", fake, real)

    def _of_each(self, name: str, *batches: ScoredBatch | None) -> Tensor:
        if not self._values:  # all formulas take stacks
            return getattr(self._loss, name)(*batches)

        def call(values: Mapping[str, Tensor], parts: Sequence[Sequence[Tensor]]) -> Tensor:
            given = (ScoredBatch(*part) for part in parts)
            return getattr(with_values(self._loss, values), name)(*given)

        return vmap(call)(self._values, [tuple(batch)[:3] for batch in batches if batch])


class StackedRegularizer:
    """The regularizers of several runs, which differ in numbers only, as one."""

    def __init__(self, regularizers: Sequence[Regularizer], like: Tensor):
        self._of_runs = list(regularizers)
        self._merged = _merge(regularizers, like)

    def transform(self, x: Tensor, numbers: Numbers) -> Tensor:
        """Return what the critic of each run sees of samples (S, N, *shape)."""
        if numbers.uniform is None and numbers.normal is None:
            return x
        parts = zip(self._of_runs, x, _rows(numbers, len(x)), strict=True)
        return torch.stack([regularizer.transform(*given) for regularizer, *given in parts])

    def penalty(self, critic: Any, batch: PenaltyBatch) -> Tensor | float:
        """Return the penalty of each run, shape (S,)."""
        return self._merged.penalty(critic, batch)

    def after_step(self, parameters: Sequence[Tensor]) -> None:
        """Change each run's parameters as its own regularizer does."""
        for run, regularizer in enumerate(self._of_runs):
            regularizer.after_step([parameter.detach()[run] for parameter in parameters])


def _rows(numbers: Numbers, count: int) -> list[Numbers]:
    columns = ([None] * count if x is None else list(x) for x in numbers)
    return [Numbers(*row) for row in zip(*columns, strict=True)]


def _merge(regularizers: Sequence[Regularizer], like: Tensor) -> Regularizer:
    """Return one regularizer with a tensor (S,) for each number that differs."""
    first = regularizers[0]
    if isinstance(first, Combined):
        names = first.parts
        parts = {name: _merge([r.parts[name] for r in regularizers], like) for name in names}
        return with_values(first, {"parts": parts})
    values = {name: like.new_tensor(v) for name, v in differing(regularizers).items()}
    return with_values(first, values)


class StackedGAN:
    """The GANs of several runs as one, with all that the steps of `step.py` use of a `GANState`.

    Args:
        gans: of runs that are equal but for their seed and numbers of loss and regularizer.
        optimizers: make the optimizer of a list of parameters, by network.

    Raises TypeError for GANs that cannot be stacked.
    """

    ranks = Ranks()

    def __init__(self, gans: Sequence[GANState], optimizers: Mapping[str, Callable]):
        first = gans[0]
        if first.use_pseudo_labels:
            raise TypeError("samples have no labels, which the critic's average predicts")
        self.device = first.device
        self.generator = StackedNetwork([gan.generator for gan in gans])
        self.critic = StackedNetwork([gan.critic for gan in gans])
        like = next(self.critic.parameters())
        self.loss = StackedLoss([gan.loss for gan in gans], like)
        self.regularizer = StackedRegularizer([gan.regularizer for gan in gans], like)
        self.ema = StackedEMA([gan.ema for gan in gans], self.generator)
        of_critics = [gan.ema_critic for gan in gans if gan.ema_critic is not None]
        self.ema_critic = StackedEMA(of_critics, self.critic) if of_critics else None
        self.generate = autocast_forward(self.generator, first.precision)
        self.score = autocast_forward(self.critic, first.precision)
        self.score_both = first.score_both
        self.generator_optimizer, self.critic_optimizer = (
            stack_optimizers(
                [getattr(gan, f"{name}_optimizer") for gan in gans], network, optimizers[name]
            )
            for name, network in (("generator", self.generator), ("critic", self.critic))
        )
        self.generator_update = OptimizerStep(self.generator, self.generator_optimizer, self.ranks)
        self.critic_update = OptimizerStep(self.critic, self.critic_optimizer, self.ranks)
        self.scored: tuple[ScoredBatch, ...] = ()
        self.stop_wish: list[Tensor] = []
        self.stop_answer: list[Tensor] = []

    @property
    def emas(self) -> list[Any]:
        """All EMA copies."""
        return [ema for ema in (self.ema, self.ema_critic) if ema is not None]

    def pseudo_labels(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the labels: runs with unlabeled samples are not stacked."""
        return y


class StackedBatches:
    """The next batch of each run, samples (S, N, *shape) and labels (S, N)."""

    def __init__(self, loaders: Sequence[Any]):
        self._loaders = list(loaders)

    def next(self) -> tuple[Tensor, Tensor]:
        x, y = zip(*(loader.next() for loader in self._loaders), strict=True)
        return torch.stack(x), torch.stack(y)


class StackedNoise:
    """The random numbers of each run's next update."""

    def __init__(self, samplers: Sequence[Any]):
        self._samplers = list(samplers)

    def of_critic(self) -> UpdateNoise:
        return _stack_noise([sampler.of_critic() for sampler in self._samplers])

    def of_generator(self) -> UpdateNoise:
        return _stack_noise([sampler.of_generator() for sampler in self._samplers])


def _stack_noise(each: Sequence[UpdateNoise]) -> UpdateNoise:
    z = torch.stack([noise.z for noise in each])
    users = zip(*(noise[1:] for noise in each), strict=True)
    return UpdateNoise(z, *(Numbers(*map(_stack, zip(*user, strict=True))) for user in users))


def _stack(parts: Sequence[Tensor | None]) -> Tensor | None:
    return None if parts[0] is None else torch.stack([part for part in parts if part is not None])
