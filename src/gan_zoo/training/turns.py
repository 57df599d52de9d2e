"""A turn: some critic updates on fresh data and noise, one of the generator, then the averages."""

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from gan_zoo.training.step import Game, Told, both_players, critic_alone


class Batches(Protocol):
    """Endless batches of samples and labels, such as a `Feed`."""

    def next(self) -> tuple[Tensor, Tensor]:
        """Samples (N, *shape) and labels (N,)."""


class Noise(Protocol):
    """Endless batches of latent vectors, such as `Latents`."""

    def next(self) -> Tensor:
        """Latent vectors (N, z_dim)."""


class Turns:
    """Turns played step by step, as the steps are written."""

    def __init__(self, game: Game, feed: Batches, latents: Noise):
        self.game, self.feed, self.latents = game, feed, latents

    def play(self, updates: Sequence[int], tell: Callable[[Told, int], None]) -> None:
        """One turn after the other, each with so many critic updates.

        `tell` is given sums of the values to log, and the number of updates they are of.
        """
        for count in updates:
            for _ in range(count - 1):
                tell(self.critic_alone(*self.feed.next(), self.latents.next()), 1)
            batch = self.feed.next()
            tell(self.both_players(*batch, self.latents.next(), self.latents.next()), 1)

    def critic_alone(self, x: Tensor, y: Tensor, z: Tensor) -> Told:
        """A critic update that no generator update follows."""
        return critic_alone(self.game, x, y, z)

    def both_players(self, x: Tensor, y: Tensor, z: Tensor, z_next: Tensor) -> Told:
        """The last critic update of a turn, the generator's, and the averages'."""
        return both_players(self.game, x, y, z, z_next)

    def gradients(self) -> dict[str, Sequence[Tensor]]:
        """Each player's, of its last update."""
        game = self.game
        return {
            "critic": game.descend_critic.gradients,
            "generator": game.descend_generator.gradients,
        }
