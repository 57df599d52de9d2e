"""Run training steps: n_critic critic updates, one generator update, then the EMA update."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from torch import Tensor

from gan_zoo.training.noise import Noise
from gan_zoo.training.step import GANState, StackedMetrics, critic_and_generator, critic_only

log = logging.getLogger(__name__)


class Batches(Protocol):
    """Endless batches of samples and labels, such as a `BatchLoader`."""

    def next(self) -> tuple[Tensor, Tensor]:
        """Return samples (N, *shape) and labels (N,)."""


class StepRunner:
    """Runs steps eagerly, one after the other."""

    def __init__(self, gan: GANState, loader: Batches, noise: Noise):
        self.gan, self.loader, self.noise = gan, loader, noise

    def run(self, updates: Sequence[int], log: Callable[[StackedMetrics, int], None]) -> None:
        """Run one step for each entry of `updates`, the number of its critic updates.

        `log` receives sums of metrics, and the number of updates that they sum over.
        """
        for count in updates:
            for _ in range(count - 1):
                log(self.update(critic_only, *self.loader.next(), self.noise.of_critic()), 1)
            noise = self.noise.of_critic(), self.noise.of_generator()
            log(self.update(critic_and_generator, *self.loader.next(), *noise), 1)

    def update(self, step: Callable[..., StackedMetrics], *batch: Any) -> StackedMetrics:
        """Call `critic_only` or `critic_and_generator` on a batch."""
        return step(self.gan, *batch)

    def gradients(self) -> dict[str, Sequence[Tensor]]:
        """Return the gradients of each network's last update."""
        gan = self.gan
        return {
            "critic": gan.critic_update.gradients,
            "generator": gan.generator_update.gradients,
        }


def warn_fallback(error: Exception) -> None:
    """Log that steps run eagerly, and why."""
    why = str(error).strip().partition("\n")[0]
    log.warning("%-13s compilation failed, falling back to eager (%s)", "compile", why)
