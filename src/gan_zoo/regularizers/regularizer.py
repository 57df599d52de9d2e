"""The interface of a regularizer, and any number of regularizers as one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gan_zoo.ranks import Ranks
from gan_zoo.regularizers.random_numbers import NumberCounts, Numbers
from gan_zoo.schema import ConfigError, settings

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Parameter

    Scores = Callable[[Tensor, Tensor], Tensor]  # of samples and labels: a critic


class PenaltyBatch(NamedTuple):
    """Detached samples, real and fake (..., N, *shape), at which a critic is penalized.

    y (..., N) are their labels, numbers the random numbers that the penalty asked for. With several
    ranks, this is one's share of the batch.
    """

    real: "Tensor"
    fake: "Tensor"
    y: "Tensor"
    numbers: Numbers = Numbers()
    ranks: Ranks = Ranks()

    @property
    def shape(self) -> Sequence[int]:
        """Shape of one sample."""
        return self.real.shape[self.y.dim() :]


@settings
class Regularizer:
    """No regularizer; also the base class of the others."""

    title = "no regularizer"

    def prepare(self, critic: "Module") -> None:
        """Change or check the critic before training."""

    def transform_counts(self, shape: Sequence[int]) -> NumberCounts:
        """Return how many random numbers `transform` needs for a sample of this shape."""
        return NumberCounts()

    def transform(self, x: "Tensor", numbers: Numbers) -> "Tensor":
        """Return what the critic sees of samples, real or fake, in every update."""
        return x

    @property
    def has_penalty(self) -> bool:
        """Whether `penalty` adds anything."""
        return type(self).penalty is not Regularizer.penalty

    def penalty_counts(self, shape: Sequence[int]) -> NumberCounts:
        """Return how many random numbers `penalty` needs for a sample of this shape."""
        return NumberCounts()

    def penalty(self, critic: "Scores", batch: PenaltyBatch) -> "Tensor | float":
        """Return what is added to the critic's loss, shape (...)."""
        return 0.0

    def after_step(self, parameters: "Sequence[Parameter]") -> None:
        """Change the critic's parameters after each of its updates."""


@settings
class Combined(Regularizer):
    """Several regularizers, applied in the order of `parts`; penalties are summed."""

    parts: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The parts' titles."""
        return "; ".join(part.title for part in self.parts.values()) or "no regularizer"

    def check(self) -> None:
        """Raises ConfigError for a part that is no regularizer."""
        for name, part in self.parts.items():
            if not isinstance(part, Regularizer):
                raise ConfigError(f"parts.{name}", part, "must be a regularizer")

    def prepare(self, critic: "Module") -> None:
        for part in self.parts.values():
            part.prepare(critic)

    def transform_counts(self, shape: Sequence[int]) -> NumberCounts:
        return _total(part.transform_counts(shape) for part in self.parts.values())

    def transform(self, x: "Tensor", numbers: Numbers) -> "Tensor":
        for part in self.parts.values():
            own, numbers = numbers.take(part.transform_counts(x.shape[1:]))
            x = part.transform(x, own)
        return x

    @property
    def has_penalty(self) -> bool:
        """Whether a part has one."""
        return any(part.has_penalty for part in self.parts.values())

    def penalty_counts(self, shape: Sequence[int]) -> NumberCounts:
        return _total(part.penalty_counts(shape) for part in self.parts.values())

    def penalty(self, critic: "Scores", batch: PenaltyBatch) -> "Tensor | float":
        total, numbers = 0.0, batch.numbers
        for part in self.parts.values():
            own, numbers = numbers.take(part.penalty_counts(batch.shape))
            total = total + part.penalty(critic, batch._replace(numbers=own))
        return total

    def after_step(self, parameters: "Sequence[Parameter]") -> None:
        for part in self.parts.values():
            part.after_step(parameters)


def _total(counts: Iterable[NumberCounts]) -> NumberCounts:
    uniform, normal = zip(NumberCounts(), *counts, strict=True)
    return NumberCounts(sum(uniform), sum(normal))
