"""Train several runs in lockstep as one stack, each with its own trainer."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from gan_zoo.training.meters import MeanMetrics
from gan_zoo.training.runner import StepRunner
from gan_zoo.training.stack import StackedBatches, StackedGAN, StackedNoise
from gan_zoo.training.trainer import Trainer


class StackedTrainer:
    """Makes the steps of several trainers at once.

    Between two calls of `train_steps`, each trainer is as if it had made its steps alone, up to
    rounding: weights, optimizers, averages, random numbers and metrics are its own.

    Args:
        trainers: of equal networks, optimizers and numbers of updates, at the same step.
        optimizers: make the optimizer of a list of parameters, by network.
        compiled: whether the steps are compiled.

    Raises TypeError for trainers that cannot be stacked.
    """

    def __init__(
        self, trainers: Sequence[Trainer], optimizers: Mapping[str, Callable], compiled: bool
    ):
        if len({trainer.step for trainer in trainers}) > 1:
            raise TypeError("the runs are at different steps")
        self.trainers = list(trainers)
        self._gan = StackedGAN([trainer.gan for trainer in trainers], optimizers)
        batches = StackedBatches([trainer.loader for trainer in trainers])
        noise = StackedNoise([trainer.noise for trainer in trainers])
        if compiled:
            from gan_zoo.training.compiled import CompiledRunner

            self._runner: StepRunner = CompiledRunner(self._gan, batches, noise)
        else:
            self._runner = StepRunner(self._gan, batches, noise)
        self._metrics = MeanMetrics()
        for run, trainer in enumerate(trainers):
            trainer.use_runner(_RunOfStack(self._runner, run))

    def train_steps(self, count: int = 1) -> None:
        """Make `count` generator updates of each run, with the critic updates before each."""
        first = self.trainers[0]
        updates = first.critic_updates(count)
        for trainer in self.trainers:
            trainer.midway = True
        with first.threads.of_step():
            self._runner.run(updates, self._metrics.add)
        for trainer in self.trainers:
            trainer.step += count
            trainer.midway = False

    def hand_out(self) -> None:
        """Give each trainer its metrics and its last scores; to be called before they are read."""
        for group in self._metrics.state_dict():
            names, total = tuple(group["names"]), group["sum"]
            for run, trainer in enumerate(self.trainers):
                trainer.metrics.add({names: total[:, run]}, group["count"])
        self._metrics = MeanMetrics()
        for run, trainer in enumerate(self.trainers):
            trainer.gan.scored = tuple(
                batch._replace(x=batch.x[run], score=batch.score[run], y=batch.y[run])
                for batch in self._gan.scored
            )


class _RunOfStack:
    """What a trainer reads of its runner, if that is a stack's."""

    def __init__(self, runner: StepRunner, run: int):
        self._runner, self._run = runner, run

    def gradients(self) -> dict[str, Sequence[Tensor]]:
        """Return the gradients of each network's last update."""
        found = self._runner.gradients().items()
        return {name: [gradient[self._run] for gradient in all_runs] for name, all_runs in found}
