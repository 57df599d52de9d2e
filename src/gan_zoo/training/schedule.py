"""How many critic updates precede a generator update."""

from gan_zoo.schema import CountInt, PositiveInt, settings


@settings
class CriticWarmup:
    """Extra critic updates around some generator updates, as the official WGAN code has them.

    n_critic critic updates precede each of the first `steps` generator updates, and every
    `every`-th one after that (0: none).
    """

    n_critic: PositiveInt = 100
    steps: CountInt = 0
    every: CountInt = 0

    def critic_updates(self, step: int, usual: int) -> int:
        """Critic updates before generator update number `step`, which counts from 0."""
        warm = step < self.steps or (self.every > 0 and step % self.every == 0)
        return self.n_critic if warm else usual
