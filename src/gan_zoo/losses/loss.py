"""The interface of a loss, and the scored samples that it takes."""

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from gan_zoo.ranks import Ranks

if TYPE_CHECKING:
    from torch import Tensor


class ScoredBatch(NamedTuple):
    """Samples x (..., N, *sample shape) with their scores (..., N); margins need the samples.

    y (..., N) are the labels that they were scored with, negative for pseudo-labels. With several
    ranks, this is one's share of the batch: a loss that is no mean over samples needs `ranks`.
    """

    x: "Tensor"
    score: "Tensor"
    y: "Tensor | None" = None
    ranks: Ranks = Ranks()


class Loss:
    """Base class of all losses."""

    title: ClassVar[str]  # full name, authors, year
    formula: ClassVar[str]  # what critic and generator minimize; D(x) is the score
    needs_real: ClassVar[bool] = False  # whether `generator` needs real samples, too
    semi_supervised: ClassVar[bool] = False  # whether it has terms for unlabeled samples

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        """Return what the critic minimizes, shape (...)."""
        raise NotImplementedError

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        """Return what the generator minimizes, shape (...)."""
        raise NotImplementedError

    def check_unlabeled(self, x: "Tensor", num_classes: int) -> None:
        """Raises ConfigError if this loss cannot use samples like x (N, ...) without labels."""

    def remark(self) -> str:
        """Return a note on these hyperparameters for the user, if there is one."""
        return ""

    def metrics(self, real: ScoredBatch, fake: ScoredBatch) -> "dict[str, Tensor]":
        """Return quantities to log beside the loss, each of shape (...)."""
        return {}
