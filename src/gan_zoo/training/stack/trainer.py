"""Train several runs in lockstep as one stack, each with its own trainer."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from gan_zoo.training.runner import StepRunner
from gan_zoo.training.stack.block import StackBlock
from gan_zoo.training.trainer import Trainer, convolves

# runs in a block on a CPU: more do not fit into the cache of a core with all that is computed
_LARGEST = {True: 4, False: 8}  # compiled steps, eager ones
_COMPILED_PARAMETERS = 500_000  # of both networks of a run
_WORTH_COMPILING = 15_000  # steps of a block: saves 3 ms each, and compiling takes 40 s


class StackedTrainer:
    """Makes the steps of several trainers at once.

    Between two calls of `train_steps`, each trainer is as if it had made its steps alone, up to
    rounding: weights, optimizers, averages, random numbers and metrics are its own. On a CPU, the
    runs are trained in blocks, each by a thread of its own.

    Args:
        trainers: of equal networks, optimizers and numbers of updates, at the same step.
        optimizers: make the optimizer of a list of parameters, by network.
        compiled: whether the steps are compiled.

    Attributes:
        trainers: of the runs that are still trained.

    Raises TypeError for trainers that cannot be stacked.
    """

    def __init__(
        self, trainers: Sequence[Trainer], optimizers: Mapping[str, Callable], compiled: bool
    ):
        if len({trainer.step for trainer in trainers}) > 1:
            raise TypeError("the runs are at different steps")
        self.trainers, first = list(trainers), trainers[0]
        on_cpu = first.gan.device.type == "cpu"
        threads = first.threads.count if on_cpu else 1
        sizes = (
            block_sizes(len(trainers), _LARGEST[compiled], threads) if on_cpu else [len(trainers)]
        )
        at_once = min(threads, len(sizes))
        make_runner = _CompiledRunners(threads // at_once) if compiled else StepRunner
        places = iter(trainers)
        self._blocks = [
            StackBlock([next(places) for _ in range(size)], optimizers, make_runner)
            for size in sizes
        ]
        self._pool = None
        if at_once > 1:
            self._pool = ThreadPoolExecutor(
                at_once, initializer=torch.set_num_threads, initargs=(threads // at_once,)
            )
        self._is_first = True

    def train_steps(self, count: int = 1) -> None:
        """Make `count` generator updates of each run, with the critic updates before each."""
        updates = self.trainers[0].critic_updates(count)
        for trainer in self.trainers:
            trainer.midway = True
        for _ in self._map(lambda block: block.train_steps(updates)):
            pass
        for trainer in self.trainers:
            trainer.step += count
            trainer.midway = False

    def _map(self, act: Callable[[StackBlock], None]) -> Iterable[None]:
        """Call a function on each block, at once if there are threads."""
        if self._pool is None or self._is_first:  # compiles once for all blocks
            self._is_first = False
            return map(act, self._blocks)
        return self._pool.map(act, self._blocks)

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
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()


def should_compile_stack(trainers: Sequence[Trainer], steps: int) -> bool:
    """Return whether compiling pays for runs of so many steps: for long ones of small networks.

    On a CPU, products of large matrices take most of the time of others, compiled or not. On a
    GPU it was never measured.
    """
    gan = trainers[0].gan
    parameters = sum(x.numel() for net in (gan.generator, gan.critic) for x in net.parameters())
    if gan.device.type != "cpu" or parameters > _COMPILED_PARAMETERS:
        return False
    blocks = len(block_sizes(len(trainers), _LARGEST[True], trainers[0].threads.count))
    return steps * blocks >= _WORTH_COMPILING and not convolves(gan)


def block_sizes(runs: int, largest: int, threads: int) -> list[int]:
    """Return the sizes of the blocks of so many runs: few different ones, for threads of a CPU."""
    blocks = max(math.ceil(runs / largest), min(runs, threads))
    blocks = min(runs, math.ceil(blocks / threads) * threads)
    small, larger = divmod(runs, blocks)
    return [small + 1] * larger + [small] * (blocks - larger)


class _CompiledRunners:
    """Makes runners whose blocks share compiled steps if they are of one size."""

    def __init__(self, threads: int):
        self._threads = threads
        self._of_size: dict[int, Any] = {}

    def __call__(self, gan: Any, batches: Any, noise: Any) -> StepRunner:
        from gan_zoo.training.compiled import CompiledRunner

        like = self._of_size.get(gan.count)
        runner = CompiledRunner(gan, batches, noise, threads=self._threads, like=like)
        self._of_size.setdefault(gan.count, runner)
        return runner
