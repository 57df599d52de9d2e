"""What a loss is given, and what every loss says of itself."""

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Scored(NamedTuple):
    """Samples x (..., N, *sample shape) with their scores (..., N): margins need the samples.

    y (..., N) are the labels that they were scored for, negative where these are hidden.
    """

    x: "Tensor"
    score: "Tensor"
    y: "Tensor | None" = None


class Loss:
    """What every loss says of itself, and what each of the two players minimises."""

    title: ClassVar[str]  # full name, authors, year
    formula: ClassVar[str]  # what the two players minimise; D(x) is the score
    pairs_generator: ClassVar[bool] = False  # whether `generator` must be given real samples too
    knows_hidden_labels: ClassVar[bool] = False  # whether it has terms for unlabelled samples

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        """What the critic minimises, shape (...)."""
        raise NotImplementedError

    def generator(self, fake: Scored, real: Scored | None = None) -> "Tensor":
        """What the generator minimises, shape (...)."""
        raise NotImplementedError

    def check_hidden(self, x: "Tensor", num_classes: int) -> None:
        """Raises SettingError if this cannot learn from samples like x (N, ...) without labels."""

    def note(self) -> str:
        """What a user should know of these hyper-parameters, or nothing."""
        return ""

    def meters(self, real: Scored, fake: Scored) -> "dict[str, Tensor]":
        """Quantities worth logging beside the loss, each of shape (...)."""
        return {}
