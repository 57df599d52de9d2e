"""Losses and regularizers of several runs, which differ in numbers only, as one of each."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from gan_zoo.losses import Loss, ScoredBatch
from gan_zoo.regularizers import Combined, PenaltyBatch, RandomNumbers, Regularizer


def differing(settings: Sequence[Any]) -> dict[str, list[float]]:
    """Return the numeric settings of objects of one class whose values differ, by name.

    Raises TypeError where classes or other settings differ.
    """
    if len(names := sorted({type(each).__name__ for each in settings})) > 1:
        raise TypeError(f"{' and '.join(names)} differ in more than numbers")
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
    """The losses of several runs, which differ in numbers only, as one.

    of_stack: those of all runs that share compiled steps, in which equal numbers are constants.
    """

    def __init__(self, losses: Sequence[Loss], like: Tensor, of_stack: Sequence[Loss]):
        self.needs_real, self._loss, self._count = losses[0].needs_real, losses[0], len(losses)
        self._values = {
            name: like.new_tensor([float(getattr(loss, name)) for loss in losses])
            for name in differing(of_stack)
        }

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> Tensor:
        """Return what each run's critic minimizes, shape (S,)."""
        return self._of_each("critic", real, fake)

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> Tensor:
        """Return what each run's generator minimizes, shape (S,)."""
        return self._of_each("generator", fake, real)

    def _of_each(self, name: str, *batches: ScoredBatch | None) -> Tensor:
        if not self._values:  # all formulas take stacks
            return _one_each(getattr(self._loss, name)(*batches), self._count, self._loss)

        def call(values: Mapping[str, Tensor], parts: Sequence[Sequence[Tensor]]) -> Tensor:
            given = (ScoredBatch(*part) for part in parts)
            return getattr(with_values(self._loss, values), name)(*given)

        return vmap(call)(self._values, [tuple(batch)[:3] for batch in batches if batch])


class StackedRegularizer:
    """The regularizers of several runs, which differ in numbers only, as one.

    parameters: of the critics, stacked.

    Raises TypeError for regularizers that differ in more, or whose `after_step` does what torch
    cannot do for several runs at once.
    """

    def __init__(self, regularizers: Sequence[Regularizer], parameters: Sequence[Tensor]):
        self.of_runs, like = list(regularizers), parameters[0]
        self._merged = _merge(regularizers, like)
        self._changes = [
            (parts[0], _different_numbers(parts, like))
            for parts in zip(*map(_parts, regularizers), strict=True)
            if type(parts[0]).after_step is not Regularizer.after_step
        ]
        try:
            self.after_step([p.detach().clone() for p in parameters] if self._changes else ())
        except RuntimeError as error:
            raise TypeError(f"after_step takes one run only ({error})") from None

    def transform(self, x: Tensor, numbers: RandomNumbers) -> Tensor:
        """Return what the critic of each run sees of samples (S, N, *shape)."""
        if numbers.uniform is None and numbers.normal is None:
            return x
        parts = zip(self.of_runs, x, _rows(numbers, len(x)), strict=True)
        return torch.stack([regularizer.transform(*given) for regularizer, *given in parts])

    def penalty(self, critic: Any, batch: PenaltyBatch) -> Tensor | float:
        """Return the penalty of each run, shape (S,)."""
        penalty = self._merged.penalty(critic, batch)
        if not isinstance(penalty, Tensor):
            return penalty
        return _one_each(penalty, len(self.of_runs), self._merged)

    def after_step(self, parameters: Sequence[Tensor]) -> None:
        """Change each run's parameters as its own regularizer does."""
        for regularizer, values in self._changes:
            change = vmap(partial(_after_step, regularizer))
            change(values, [parameter.detach() for parameter in parameters])


def _after_step(
    regularizer: Regularizer, values: Mapping[str, Tensor], parameters: Sequence[Tensor]
) -> tuple[()]:
    with_values(regularizer, values).after_step(parameters)
    return ()


def _one_each(values: Tensor, count: int, settings: Any) -> Tensor:
    """Return values (S,). Raises TypeError for a formula that reduces more than its last axis."""
    if values.shape != (count,):
        name = type(settings).__name__
        raise TypeError(f"{name} returns a shape of {tuple(values.shape)} for {count} runs")
    return values


def _rows(numbers: RandomNumbers, count: int) -> list[RandomNumbers]:
    columns = ([None] * count if x is None else list(x) for x in numbers)
    return [RandomNumbers(*row) for row in zip(*columns, strict=True)]


def _merge(regularizers: Sequence[Regularizer], like: Tensor) -> Regularizer:
    """Return one regularizer with a tensor (S,) for each number that differs."""
    first = regularizers[0]
    if isinstance(first, Combined):
        names = first.parts
        parts = {name: _merge([r.parts[name] for r in regularizers], like) for name in names}
        return with_values(first, {"parts": parts})
    return with_values(first, _different_numbers(regularizers, like))


def _different_numbers(settings: Sequence[Any], like: Tensor) -> dict[str, Tensor]:
    return {name: like.new_tensor(values) for name, values in differing(settings).items()}


def _parts(regularizer: Regularizer) -> list[Regularizer]:
    """Return a regularizer, or those of which it is combined."""
    if not isinstance(regularizer, Combined):
        return [regularizer]
    return [each for part in regularizer.parts.values() for each in _parts(part)]
