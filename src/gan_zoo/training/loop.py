"""The training loop: n_critic critic updates on fresh data and noise, then one of the generator."""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch

from gan_zoo.data.feed import Feed
from gan_zoo.training.ema import MovingAverage
from gan_zoo.training.meters import Meters
from gan_zoo.training.schedule import Warmup
from gan_zoo.training.step import Game, critic_step, generator_step


@dataclasses.dataclass
class Training:
    """A game being played: everything that changes from step to step.

    Attributes:
        noise: stream of latent vectors, on the generator's device.
        step: generator updates made so far.
    """

    game: Game
    feed: Feed
    average: MovingAverage
    noise: torch.Generator
    n_critic: int
    warmup: Warmup
    meters: Meters = dataclasses.field(default_factory=Meters)
    step: int = 0

    def advance(self) -> None:
        """One generator update, with the critic updates that precede it."""
        generator, batch_size = self.game.generator, self.feed.batch_size
        for _ in range(self.warmup.critic_updates(self.step, self.n_critic)):
            x, y = self.feed.next()
            z = generator.sample_z(batch_size, self.noise)
            self.meters.add(critic_step(self.game, x, y, z))
        z = generator.sample_z(batch_size, self.noise)
        self.meters.add(generator_step(self.game, x, y, z))
        self.average.update()
        self.step += 1

    def read_meters(self) -> dict[str, float]:
        """Means of all values since the last reading, and the last gradients' norms."""
        for player in ("critic", "generator"):
            gradients = [p.grad for p in getattr(self.game, player).parameters()]
            norm = torch.nn.utils.get_total_norm([g for g in gradients if g is not None])
            self.meters.add({f"grad_norm/{player}": norm})
        return self.meters.read()

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly from here: tensors and plain values only."""
        on_cuda = torch.cuda.is_initialized()
        return {
            "step": self.step,
            "generator": self.game.generator.state_dict(),
            "critic": self.game.critic.state_dict(),
            "generator_optimizer": self.game.generator_optimizer.state_dict(),
            "critic_optimizer": self.game.critic_optimizer.state_dict(),
            "average": self.average.network.state_dict(),
            "average_updates": self.average.updates,
            "noise": self.noise.get_state(),
            "feed_position": self.feed.position,
            "default_noise": torch.get_rng_state(),
            "default_noise_cuda": torch.cuda.get_rng_state() if on_cuda else None,
        }


def train(training: Training, steps: int, cadence: list[tuple[int, Callable[[], None]]]) -> None:
    """Advance to `steps`; each (period, action) acts at its multiples, and at the end."""
    while training.step < steps:
        training.advance()
        for period, act in cadence:
            if training.step % period == 0 or training.step == steps:
                act()
