"""Run training steps: n_critic critic updates, one generator update, then the EMA update."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from gan_zoo.training.step import GANState, StackedMetrics, critic_and_generator, critic_only

log = logging.getLogger(__name__)


class Batches(Protocol):
    """Endless batches of samples and labels, such as a `BatchLoader`."""

    def next(self) -> tuple[Tensor, Tensor]:
        """Samples (N, *shape) and labels (N,)."""


class Noise(Protocol):
    """Endless batches of latent vectors, such as `LatentSampler`."""

    def next(self) -> Tensor:
        """Latent vectors (N, z_dim)."""


class StepRunner:
    """Runs steps eagerly, one after the other."""

    def __init__(self, gan: GANState, loader: Batches, latents: Noise):
        self.gan, self.loader, self.latents = gan, loader, latents

    def run(self, updates: Sequence[int], log: Callable[[StackedMetrics, int], None]) -> None:
        """Run one step for each entry of `updates`, the number of its critic updates.

        `log` receives sums of the metrics, and the number of updates that they are over.
        """
        for count in updates:
            for _ in range(count - 1):
                log(self.critic_only(*self.loader.next(), self.latents.next()), 1)
            batch = self.loader.next()
            log(self.critic_and_generator(*batch, self.latents.next(), self.latents.next()), 1)

    def critic_only(self, x: Tensor, y: Tensor, z: Tensor) -> StackedMetrics:
        """Run a critic update that no generator update follows."""
        return critic_only(self.gan, x, y, z)

    def critic_and_generator(
        self, x: Tensor, y: Tensor, z: Tensor, z_next: Tensor
    ) -> StackedMetrics:
        """Run the last critic update of a step, the generator update and the EMA updates."""
        return critic_and_generator(self.gan, x, y, z, z_next)

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
