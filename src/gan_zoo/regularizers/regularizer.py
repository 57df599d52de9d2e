"""The interface of a regularizer."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gan_zoo.ranks import Ranks
from gan_zoo.regularizers.random_numbers import NumberCounts, RandomNumbers
from gan_zoo.schema import settings

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Parameter

    Scores = Callable[[Tensor, Tensor], Tensor]  # of samples and labels: a critic


class PenaltyBatch(NamedTuple):
    """Detached samples, real and fake (..., N, *shape), at which a critic is penalized.

    y (..., N) are their labels, numbers the random numbers that the penalty asked for by
    `penalty_counts`: none are drawn in a penalty. With several ranks, this is one's share of the
    batch.
    """

    real: "Tensor"
    fake: "Tensor"
    y: "Tensor"
    numbers: RandomNumbers = RandomNumbers()
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

    def transform(self, x: "Tensor", numbers: RandomNumbers) -> "Tensor":
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
