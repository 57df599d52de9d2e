"""A few runs of a stack whose steps are single operations on tensors of all of them."""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gan_zoo.regularizers import NumberCounts
from gan_zoo.training.meters import MeanMetrics
from gan_zoo.training.runner import StepRunner
from gan_zoo.training.stack.batches import StackedBatches, StackedNoise
from gan_zoo.training.stack.gan import StackedGAN
from gan_zoo.training.stack.networks import StackedNetwork
from gan_zoo.training.trainer import Trainer


class StackBlock:
    """Makes the steps of a few trainers at once.

    Args:
        trainers: as a `StackedTrainer` has them.
        optimizers: make the optimizer of a list of parameters, by network.
        of_stack: the trainers of all blocks, which share compiled steps.

    Raises TypeError for trainers that cannot be stacked.
    """

    def __init__(
        self,
        trainers: Sequence[Trainer],
        optimizers: Mapping[str, Callable],
        of_stack: Sequence[Trainer],
    ):
        if len({_counts(trainer) for trainer in trainers}) > 1:
            raise TypeError("regularizers need different random numbers")
        self._runs = dict(enumerate(trainers))  # by their place in the tensors
        gans, all_gans = ([trainer.gan for trainer in each] for each in (trainers, of_stack))
        self._gan = StackedGAN(gans, optimizers, all_gans)
        self._batches = StackedBatches([trainer.loader for trainer in trainers])
        self._noise = StackedNoise([trainer.noise for trainer in trainers])
        self._metrics: MeanMetrics | None = None  # of all runs; None while the trainers have them

    def setup_runner(self, make_runner: Callable[..., StepRunner]) -> None:
        """Make the runner of all steps. make_runner: of a GAN, its batches and its noise."""
        # steps use what a `StackedGAN` has of a `GANState`
        self.runner = make_runner(self._gan, self._batches, self._noise)
        for run, trainer in self._runs.items():
            trainer.use_runner(_RunOfBlock(self.runner, run))

    @property
    def ema_generators(self) -> StackedNetwork:
        """The averages of the generators, in evaluation mode, also of runs that have left."""
        return self._gan.ema.network

    @property
    def is_empty(self) -> bool:
        """Whether all runs have left."""
        return not self._runs

    def train_steps(self, updates: Sequence[int]) -> None:
        """Make a step of each run for each entry of `updates`, the number of critic updates."""
        if self._metrics is None:
            self._metrics = self._take_back()
        self.runner.run(updates, self._metrics.add)

    def hand_out(self) -> None:
        """Give each trainer its metrics and its last scores; to be called before they are read."""
        if self._metrics is None:
            return
        groups, self._metrics = self._metrics.state_dict(), None
        for run, trainer in self._runs.items():
            before, trainer.metrics = _groups(trainer), MeanMetrics()
            for group in groups:
                names = tuple(group["names"])
                count = group["count"] + (before[names]["count"] if names in before else 0)
                if count:  # else it is a group of other runs
                    trainer.metrics.add({names: group["sum"][:, run]}, count)
            trainer.gan.scored = tuple(
                batch._replace(x=batch.x[run], score=batch.score[run], y=batch.y[run])
                for batch in self._gan.scored
            )

    def _take_back(self) -> MeanMetrics:
        """Return the sums of the trainers, which may have reset or loaded them; they keep counts.

        To go on with their sums, instead of adding another sum to them, keeps every bit wherever a
        stop hands them out. Runs that logged at different steps before have different sums.
        """
        of_runs = {run: _groups(trainer) for run, trainer in self._runs.items()}
        metrics = MeanMetrics()
        for names, group in ChainMap(*of_runs.values()).items():
            sums = torch.stack([torch.zeros_like(group["sum"])] * self._gan.count, 1)
            for run, groups in of_runs.items():
                if names in groups:
                    sums[:, run] = groups[names]["sum"]
            metrics.add({names: sums}, 0)
        return metrics

    def leave(self, trainer: Trainer) -> None:
        """Let a run leave. Its tensors are trained on, to no purpose: others keep their numbers."""
        self._runs = {run: each for run, each in self._runs.items() if each is not trainer}


def _groups(trainer: Trainer) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return sum and count of each group of a trainer's metrics."""
    return {tuple(group["names"]): group for group in trainer.metrics.state_dict()}


def _counts(trainer: Trainer) -> tuple[NumberCounts, NumberCounts]:
    """Return how many random numbers a regularizer needs: none of a kind if it has no noise."""
    regularizer, shape = trainer.gan.regularizer, trainer.loader.samples.shape
    return regularizer.transform_counts(shape), regularizer.penalty_counts(shape)


class _RunOfBlock:
    """What a trainer reads of its runner, if that is a block's."""

    def __init__(self, runner: StepRunner, run: int):
        self._runner, self._run = runner, run

    def gradients(self) -> dict[str, Sequence[Tensor]]:
        """Return the gradients of each network's last update."""
        found: dict[str, Any] = self._runner.gradients()
        return {
            name: [gradient[self._run] for gradient in of_all] for name, of_all in found.items()
        }
