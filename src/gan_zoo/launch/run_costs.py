"""Measure what runs would cost on this machine: short trials of real training and evaluation."""

import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gan_zoo.compare.plan import Costs, Network
from gan_zoo.compare.request import Request
from gan_zoo.launch.job import check_jobs, compose_run

if TYPE_CHECKING:
    from gan_zoo.evaluation.evaluator import Evaluator
    from gan_zoo.experiment import Experiment
    from gan_zoo.training.trainer import Trainer

_LEAST_STEPS = 3  # timed
_TIMED_SHARE = 1 / 250  # of the budget, for the timed steps of one loss with one network
_TIMED_RANGE = (0.2, 3.0)  # seconds of them
_FILES = 1.5  # seconds of a run for its folder, logs, pictures and checkpoints


class CostMeter:
    """Measures seconds per step and per evaluation, on the data and device of the real runs.

    Args:
        words: overrides of every run.
        request: with the losses to measure, and the budget.
    """

    def __init__(self, words: Sequence[str], request: Request):
        self.words, self.losses = tuple(words), request.losses
        least, most = _TIMED_RANGE
        self.seconds = min(most, max(least, request.budget * _TIMED_SHARE))
        self.evaluators: dict[str, Evaluator] = {}  # by the settings of the dataset

    def measure(self, network: Network) -> Costs:
        """Measure a network with all losses. Raises ConfigError for parts that do not fit."""
        print(f"measuring {network.name}", file=sys.stderr)
        first, *others = (self.experiment(network, loss) for loss in self.losses)
        evaluator = self.evaluator(first)  # trains a feature network at its first evaluation
        evaluation, steps, starts = 0.0, {}, []
        for loss, experiment in zip(self.losses, (first, *others), strict=True):
            begin = time.perf_counter()
            trainer = build(experiment, evaluator)
            starts.append(time.perf_counter() - begin)
            steps[loss] = seconds_per_step(trainer, self.seconds)
            if not evaluation:
                evaluation = seconds_per_evaluation(trainer, evaluator, experiment)
        return Costs(steps, evaluation, max(starts) + _FILES)

    def experiment(self, network: Network, loss: str) -> "Experiment":
        """Compose and check the experiment of a loss."""
        (experiment,) = check_jobs([compose_run([f"loss={loss}", *network.words, *self.words])])
        return experiment

    def evaluator_of(self, network: Network) -> "Evaluator":
        """Return the evaluator of the data for a network."""
        return self.evaluator(self.experiment(network, self.losses[0]))

    def evaluator(self, experiment: "Experiment") -> "Evaluator":
        """Return the evaluator that all experiments on the same data share."""
        from gan_zoo.build_trainer import load_samples
        from gan_zoo.evaluation.evaluator import Evaluator

        key = json.dumps(experiment.config["dataset"], sort_keys=True)
        if key not in self.evaluators:
            settings, device = experiment.settings.evaluation, experiment.device()
            samples = load_samples(experiment)
            self.evaluators[key] = Evaluator(experiment.dataset, samples, settings, device)
        return self.evaluators[key]


def build(experiment: "Experiment", evaluator: "Evaluator") -> "Trainer":
    """Build the trainer of an experiment on the data that an evaluator has loaded."""
    from gan_zoo.build_trainer import build_trainer, load_samples
    from gan_zoo.data.placement import place_data

    experiment = dataclasses.replace(experiment, dataset=evaluator.dataset)
    samples = place_data(load_samples(experiment), experiment.device(), experiment.dataset)
    return build_trainer(experiment, samples)


def seconds_per_step(trainer: "Trainer", seconds: float) -> float:
    """Return the mean seconds of a generator update, after a warm-up."""
    from gan_zoo.devices import synchronize

    device = trainer.gan.device
    chunk = trainer.setup_runner(0)
    trainer.train_steps(chunk)
    trainer.train_steps(chunk)  # the first steps allocate memory, and choose kernels
    synchronize(device)
    begin, count, passed = time.perf_counter(), 0, 0.0
    while count < _LEAST_STEPS or passed < seconds:
        trainer.train_steps(chunk)
        synchronize(device)
        count, passed = count + chunk, time.perf_counter() - begin
    return passed / count


def seconds_per_evaluation(
    trainer: "Trainer", evaluator: "Evaluator", experiment: "Experiment"
) -> float:
    """Return the seconds of an evaluation once the data's feature network is trained."""
    gan = trainer.gan
    classifier = gan.ema_critic and gan.ema_critic.network
    seconds = 0.0
    for _ in range(2):  # the first one trains the feature network, if that is not cached
        begin = time.perf_counter()
        evaluator.evaluate(gan.ema.network, gan.critic, classifier, experiment.loss)
        seconds = time.perf_counter() - begin
    return seconds
