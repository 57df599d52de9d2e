"""The interface of a regularizer, and any number of regularizers as one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gan_zoo.schema import ConfigError, settings

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Parameter


@settings
class Regularizer:
    """No regularizer; also the base class of the others."""

    title = "no regularizer"

    def prepare(self, critic: "Module") -> None:
        """Change or check the critic before training."""

    def penalty(
        self, critic: "Module", real: "Tensor", fake: "Tensor", y: "Tensor"
    ) -> "Tensor | float":
        """Return what is added to the critic's loss, for detached samples and their labels."""
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

    def penalty(
        self, critic: "Module", real: "Tensor", fake: "Tensor", y: "Tensor"
    ) -> "Tensor | float":
        return sum(part.penalty(critic, real, fake, y) for part in self.parts.values())

    def after_step(self, parameters: "Sequence[Parameter]") -> None:
        for part in self.parts.values():
            part.after_step(parameters)
