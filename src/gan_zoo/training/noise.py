"""All random numbers of training steps: latent vectors, and those that regularizers ask for.

They are drawn for the whole batch, whatever share of it a process has, and a block of batches at a
time: for small networks a call costs more than its numbers.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor

from gan_zoo.architectures.networks import Generator
from gan_zoo.ranks import Ranks
from gan_zoo.regularizers import NumberCounts, RandomNumbers
from gan_zoo.training.rng import load_rng_state, make_rng, rng_state

if TYPE_CHECKING:
    from gan_zoo.training.step import GANState

log = logging.getLogger(__name__)

_BLOCK = 16  # batches
_BLOCK_NUMBERS = 1 << 20  # in a block of several batches, at most


class UpdateNoise(NamedTuple):
    """Random numbers of one update of critic or generator.

    Attributes:
        z: latent vectors (N, z_dim).
        real, fake, penalized: numbers of the transformation of real samples, of fakes, and of
            those at which the critic is penalized.
        penalty: numbers of the penalty itself.
    """

    z: Tensor
    real: RandomNumbers = RandomNumbers()
    fake: RandomNumbers = RandomNumbers()
    penalized: RandomNumbers = RandomNumbers()
    penalty: RandomNumbers = RandomNumbers()


class Noise(Protocol):
    """Endless random numbers of updates, such as a `NoiseSampler`."""

    def of_critic(self) -> UpdateNoise:
        """Return the random numbers of the next critic update."""

    def of_generator(self) -> UpdateNoise:
        """Return the random numbers of the next generator update."""


class BlockSampler:
    """Endless batches from one random generator, drawn in blocks.

    Args:
        rng: used by this sampler only.
        count: batches in a block.
    """

    def __init__(self, rng: torch.Generator, count: int):
        self._rng, self._count = rng, count
        self._before, self._left = rng_state(rng), list[Any]()

    def draw(self, count: int) -> Sequence[Any]:
        """Draw so many batches."""
        raise NotImplementedError

    def next(self) -> Any:
        """Return the next batch."""
        if not self._left:
            self._before = rng_state(self._rng)
            self._left = list(reversed(self.draw(self._count)))
        return self._left.pop()

    def state_dict(self) -> dict[str, Any]:
        """Return the rng's state before the last block, and the number of batches used of it."""
        if not self._left:
            return {"before": rng_state(self._rng), "taken": 0}
        return {"before": self._before, "taken": self._count - len(self._left)}

    def load_state_dict(self, state: dict[str, Any]) -> bool:
        """Resume from a `state_dict`; returns whether exactly, see `load_rng_state`."""
        exact = load_rng_state(self._rng, state["before"])
        self._left = []
        for _ in range(state["taken"]):
            self.next()
        return exact


class LatentSampler(BlockSampler):
    """Endless batches of latent vectors (batch_size, z_dim) from the generator's prior.

    Args:
        generator: network with the prior.
        batch_size: vectors in a batch.
        rng: random generator, used by this sampler only.
    """

    def __init__(self, generator: Generator, batch_size: int, rng: torch.Generator):
        super().__init__(rng, _BLOCK)
        self._generator, self._batch_size = generator, batch_size

    def draw(self, count: int) -> Sequence[Tensor]:
        block = self._generator.sample_z(count * self._batch_size, self._rng)
        return block.split(self._batch_size)


class NumberSampler(BlockSampler):
    """Endless batches of random numbers, as several users ask for them.

    Args:
        counts: for each user, how many numbers a sample needs.
        batch_size: samples in a batch.
        rng: random generator, used by this sampler only.
        like: a tensor with the type and the device of the numbers.
    """

    def __init__(
        self,
        counts: Sequence[NumberCounts],
        batch_size: int,
        rng: torch.Generator,
        like: Tensor,
    ):
        self._counts, self._batch_size, self._like = counts, batch_size, like
        per_batch = max(1, batch_size * sum(map(sum, counts)))
        super().__init__(rng, min(_BLOCK, max(1, _BLOCK_NUMBERS // per_batch)))

    def draw(self, count: int) -> Sequence[list[RandomNumbers]]:
        users = [
            [
                RandomNumbers(*pair)
                for pair in zip(
                    self._batches(torch.rand, count, numbers.uniform),
                    self._batches(torch.randn, count, numbers.normal),
                    strict=True,
                )
            ]
            for numbers in self._counts
        ]
        return [list(batch) for batch in zip(*users, strict=True)]

    def _batches(self, draw: Callable[..., Tensor], count: int, numbers: int) -> Sequence[Any]:
        """Draw `count` batches of so many numbers for each sample; None for no numbers."""
        if not numbers:
            return [None] * count
        size = (count * self._batch_size, numbers)
        given = {"generator": self._rng, "device": self._rng.device, "dtype": self._like.dtype}
        return draw(size, **given).to(self._like.device).split(self._batch_size)


class NoiseSampler:
    """Endless random numbers of a run's updates, each process's share of them.

    Critic and generator updates have generators of their own for what the regularizer needs, so
    that the number of critic updates changes nothing else.

    Args:
        gan: whose updates they are for.
        shape: of one sample.
        batch_size: of the whole batch.
        seed: of the run.
        ranks: the processes of the run.
    """

    def __init__(
        self, gan: "GANState", shape: Sequence[int], batch_size: int, seed: int, ranks: Ranks
    ):
        self._ranks = ranks
        rng = make_rng(seed, "noise", gan.device)
        self.latents = LatentSampler(gan.generator, batch_size, rng)
        regularizer, none = gan.regularizer, NumberCounts()
        inputs = regularizer.transform_counts(shape)
        penalized = inputs if regularizer.has_penalty else none
        critic = [inputs, inputs, penalized, regularizer.penalty_counts(shape)]
        generator = [inputs if gan.loss.needs_real else none, inputs, none, none]
        like = next(gan.generator.parameters())
        self._critic, self._generator = (
            NumberSampler(counts, batch_size, make_rng(seed, name, gan.device), like)
            for name, counts in (("regularizer", critic), ("regularizer/generator", generator))
        )

    def of_critic(self) -> UpdateNoise:
        """Return the random numbers of the next critic update."""
        return self._share(self._critic.next())

    def of_generator(self) -> UpdateNoise:
        """Return the random numbers of the next generator update."""
        return self._share(self._generator.next())

    def _share(self, users: list[RandomNumbers]) -> UpdateNoise:
        z = self.latents.next()
        if self._ranks.count > 1:
            z, users = self._ranks.share(z), [self._share_of(numbers) for numbers in users]
        return UpdateNoise(z, *users)

    def _share_of(self, numbers: RandomNumbers) -> RandomNumbers:
        return RandomNumbers(*(None if x is None else self._ranks.share(x) for x in numbers))

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all generators."""
        return {
            "latent_rng": self.latents.state_dict(),
            "regularizer_rngs": [self._critic.state_dict(), self._generator.state_dict()],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a `state_dict`, exactly on the same type of device; else logs a warning.

        Earlier versions have no numbers of regularizers.
        """
        if not self.latents.load_state_dict(state["latent_rng"]):
            where = state["latent_rng"]["before"]["device"]
            message = "%-13s random numbers are others than on %s, where the run was saved"
            log.warning(message, "device", where)
        states = state.get("regularizer_rngs", ())
        for sampler, own in zip((self._critic, self._generator), states, strict=False):
            sampler.load_state_dict(own)
