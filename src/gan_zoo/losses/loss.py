"""What a loss is given, and what every loss says of itself."""

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class ScoredBatch(NamedTuple):
    """Samples x (..., N, *sample shape) with their scores (..., N): margins need the samples.

    y (..., N) are the labels that they were scored for, negative where these are hidden.
    """

    x: "Tensor"
    score: "Tensor"
    y: "Tensor | None" = None


class Loss:
    """What every loss says of itself, and what each of the two players minimizes."""

    title: ClassVar[str]  # full name, authors, year
    formula: ClassVar[str]  # what the two players minimize; D(x) is the score
    needs_real: ClassVar[bool] = False  # whether `generator` must be given real samples too
    semi_supervised: ClassVar[bool] = False  # whether it has terms for unlabeled samples

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        """What the critic minimizes, shape (...)."""
        raise NotImplementedError

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        """What the generator minimizes, shape (...)."""
        raise NotImplementedError

    def check_unlabeled(self, x: "Tensor", num_classes: int) -> None:
        """Raises ConfigError if this cannot learn from samples like x (N, ...) without labels."""

    def remark(self) -> str:
        """What a user should know of these hyper-parameters, or nothing."""
        return ""

    def metrics(self, real: ScoredBatch, fake: ScoredBatch) -> "dict[str, Tensor]":
        """Quantities worth logging beside the loss, each of shape (...)."""
        return {}
