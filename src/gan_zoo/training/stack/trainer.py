"""Train several runs in lockstep as one stack, each with its own trainer."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gan_zoo.training.runner import StepRunner
from gan_zoo.training.runner_choice import largest_divisor, make_runner, steps_per_graph
from gan_zoo.training.stack.block import StackBlock
from gan_zoo.training.stack.cost import LARGEST_BLOCK
from gan_zoo.training.stack.sampler import StackSampler
from gan_zoo.training.trainer import Trainer

_MOST_AT_ONCE = 10  # steps of a block on a CPU, whose tensors stay in the cache meanwhile


class StackedTrainer:
    """Makes the steps of several trainers at once.

    Between two calls of `train_steps`, each trainer is as if it had made its steps alone, up to
    rounding: weights, optimizers, averages, random numbers and metrics are its own.

    Args:
        trainers: of equal networks, optimizers and numbers of updates, at the same step.
        optimizers: make the optimizer of a list of parameters, by network.
        compiled: whether the steps are compiled.

    Attributes:
        trainers: of the runs that are still trained.
        sampler: generates samples of the runs' generators.

    Raises TypeError for trainers that cannot be stacked.
    """

    def __init__(
        self, trainers: Sequence[Trainer], optimizers: Mapping[str, Callable], compiled: bool
    ):
        if len({trainer.step for trainer in trainers}) > 1:
            raise TypeError("the runs are at different steps")
        self.trainers, device = list(trainers), trainers[0].gan.device
        largest = LARGEST_BLOCK[compiled] if device.type == "cpu" else len(trainers)
        places = iter(trainers)
        self._blocks = [
            StackBlock([next(places) for _ in range(size)], optimizers, trainers)
            for size in block_sizes(len(trainers), largest)
        ]
        self.sampler = StackSampler(self._blocks)
        self._compiled, self._has_runner = compiled, False
        self._threads = trainers[0].threads  # of all runs, also after the first has left

    def setup_runner(self, gap: int) -> int:
        """Choose the runners for `train_steps`. Returns the best number of steps per call.

        The number divides `gap`, the steps between two callbacks (0: there are none).
        """
        first, self._has_runner = self.trainers[0], True
        count = largest_divisor(gap, _MOST_AT_ONCE)
        make: Callable[..., StepRunner] = StepRunner
        if self._compiled and first.gan.device.type == "cpu":
            make = _CompiledRunners()
        elif self._compiled:
            count = steps_per_graph(first.gan, first.n_critic, gap)
            make = functools.partial(make_runner, n_critic=first.n_critic, steps=count)
        for block in self._blocks:
            block.setup_runner(make)
        return count

    def train_steps(self, count: int = 1) -> None:
        """Make `count` generator updates of each run, with the critic updates before each."""
        if not self._has_runner:
            self.setup_runner(1)
        self.sampler.clear()
        updates = self.trainers[0].critic_updates(count)
        for trainer in self.trainers:
            trainer.midway = True
        with self._threads.of_step():
            for block in self._blocks:
                block.train_steps(updates)
        for trainer in self.trainers:
            trainer.step += count
            trainer.midway = False

    def hand_out(self) -> None:
        """Give each trainer its metrics and its last scores; to be called before they are read."""
        for block in self._blocks:
            block.hand_out()

    def leave(self, trainer: Trainer) -> None:
        """Let a run leave the stack; the others keep their numbers."""
        self.trainers = [each for each in self.trainers if each is not trainer]
        for block in self._blocks:
            block.leave(trainer)
        self._blocks = [block for block in self._blocks if not block.is_empty]

    def close(self) -> None:
        """End short waits of threads."""
        self._threads.close()


def block_sizes(runs: int, largest: int) -> list[int]:
    """Return the sizes of the blocks of so many runs, which are as equal as possible."""
    small, larger = divmod(runs, math.ceil(runs / largest))
    return [small + 1] * larger + [small] * (math.ceil(runs / largest) - larger)


class _CompiledRunners:
    """Makes runners whose blocks share compiled steps if they are of one size.

    Numbers of regularizers are constants of these steps, and so is the learning rate of the first
    run, but not rates of a block's own.
    """

    def __init__(self) -> None:
        self._shared: dict[str, Any] = {}

    def __call__(self, gan: Any, batches: Any, noise: Any) -> StepRunner:
        from gan_zoo.training.compiled import CompiledRunner

        own = [step.rates is not None for step in (gan.generator_update, gan.critic_update)]
        constants = repr((gan.count, own, gan.regularizer.of_runs))
        runner = CompiledRunner(gan, batches, noise, self._shared.get(constants))
        self._shared.setdefault(constants, runner)
        return runner
