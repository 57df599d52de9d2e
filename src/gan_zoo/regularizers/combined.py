"""Any number of regularizers as one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gan_zoo.regularizers.gradient_penalties import PenaltyAtPoints, squared_gradients
from gan_zoo.regularizers.random_numbers import NumberCounts, RandomNumbers
from gan_zoo.regularizers.regularizer import PenaltyBatch, Regularizer
from gan_zoo.schema import ConfigError, settings

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Parameter

    from gan_zoo.regularizers.regularizer import Scores


@settings
class Combined(Regularizer):
    """Several regularizers, applied in the order of `parts`; penalties are summed.

    Gradients at the points of all parts are computed in one pass of the critic.
    """

    parts: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The parts' titles."""
        return "; ".join(part.title for part in self.parts.values()) or "no regularizer"

    def check(self) -> None:
        """Raises ConfigError for parts that are no mapping, and a part that is no regularizer."""
        typed = "type +regularizer@regularizer.parts.NAME=r1"
        if not isinstance(self.parts, Mapping):
            raise ConfigError("parts", self.parts, f"must hold named regularizers: {typed}")
        for name, part in self.parts.items():
            if not isinstance(part, Regularizer):
                raise ConfigError(f"parts.{name}", part, f"must be a regularizer: {typed}")

    def prepare(self, critic: "Module") -> None:
        for part in self.parts.values():
            part.prepare(critic)

    def transform_counts(self, shape: Sequence[int]) -> NumberCounts:
        return _total(part.transform_counts(shape) for part in self.parts.values())

    def transform(self, x: "Tensor", numbers: RandomNumbers) -> "Tensor":
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
        total, numbers, points = 0.0, batch.numbers, {}
        for name, part in self.parts.items():
            own, numbers = numbers.take(part.penalty_counts(batch.shape))
            own_batch = batch._replace(numbers=own)
            if type(part).penalty is PenaltyAtPoints.penalty:
                points[name] = part.points(own_batch)
            else:
                total = total + part.penalty(critic, own_batch)
        squared = squared_gradients(critic, list(points.values()), batch.y)
        for name, own in zip(points, squared, strict=True):
            total = total + self.parts[name].of_gradient(own)
        return total

    def after_step(self, parameters: "Sequence[Parameter]") -> None:
        for part in self.parts.values():
            part.after_step(parameters)


def _total(counts: Iterable[NumberCounts]) -> NumberCounts:
    uniform, normal = zip(NumberCounts(), *counts, strict=True)
    return NumberCounts(sum(uniform), sum(normal))
