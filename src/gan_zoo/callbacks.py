"""What a run does besides training: readings, pictures, examinations, checkpoints, the summary."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.checkpoint_saver import CheckpointSaver
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.evaluation.health import DivergedError
from gan_zoo.evaluation.monitor import HealthMonitor, PeriodicEvaluation
from gan_zoo.experiment import Experiment
from gan_zoo.monitoring.async_scalars import PendingMetrics
from gan_zoo.monitoring.header import config_table, flatten
from gan_zoo.monitoring.jsonl import set_aside
from gan_zoo.monitoring.logger import RunLogger
from gan_zoo.monitoring.sample_grid import SampleGrid
from gan_zoo.report.metric_info import lower_is_better
from gan_zoo.run_folder import data_history
from gan_zoo.schema import ConfigError
from gan_zoo.training.rng import make_rng
from gan_zoo.training.trainer import Trainer

log = logging.getLogger(__name__)


class RunCallbacks:
    """Everything that a run writes into its folder, and when.

    Args:
        samples: what is trained on, as the players know them.
        state: the checkpoint's content from which the run continues; None for a start.

    Raises ConfigError, before anything is written, for an evaluation that does not suit the data.
    """

    def __init__(
        self,
        experiment: Experiment,
        samples: InMemoryDataset,
        trainer: Trainer,
        folder: Path,
        state: Mapping[str, Any] | None = None,
    ):
        self.experiment, self.samples, self.trainer = experiment, samples, trainer
        self.settings, self.checkpoints = experiment.settings, folder / "checkpoints"
        seed, dataset = self.settings.seed, experiment.dataset
        noise = make_rng(seed, "album", samples.device)
        names = samples.label_names if samples.num_classes > 1 else ()
        self.sample_grid = SampleGrid(dataset, trainer.gan.ema.network, noise, names)
        self.health_monitor = HealthMonitor(trainer, samples, experiment.loss, seed)
        self.state = state or {}
        self.evaluation = self._examination()
        self.examined = trainer.step if self.state.get("evaluated", True) else -1
        self.saver = CheckpointSaver(self.checkpoints, trainer, self.checkpoint_state)
        self.pending: PendingMetrics | None = None  # asked for and not yet written
        self._due = 0.0  # when the next one may be asked for
        reached = (trainer.step, trainer.loader.position)
        # killed between its last checkpoint and its summary, a run has read its meters for good
        every = self.settings.log_every or self.settings.evaluate_every or 1
        period = 1 if trainer.step == self.settings.steps else every
        if state is None:
            _set_aside(folder)
        evaluated = self.examined == trainer.step and self._is_examined(trainer.step)
        how = {"evaluated": evaluated, "unit": dataset.unit}
        self.logger = RunLogger(folder, self.settings.steps, period, *reached, **how)
        try:
            self.health_monitor.restore(folder / "metrics.jsonl")
        except DivergedError as error:  # no run goes on from there: a digit was changed
            allowed = f"cannot be true of a run that can be continued: {error}"
            raise ConfigError("resume", folder / "metrics.jsonl", allowed) from None

    def _examination(self) -> PeriodicEvaluation | None:
        """The evaluations, unless none is asked for or nothing can be measured: one line says so.

        Raises ConfigError for one that does not suit the data.
        """
        if not self.settings.evaluate_every:
            return None
        dataset = self.experiment.dataset
        if not dataset.has_test():
            told = "nothing is evaluated: the dataset holds no test samples"
            log.warning("%-12s %s", "evaluation", told)
            return None
        how = (self.settings.evaluation, self.checkpoints)
        examination = PeriodicEvaluation(self.health_monitor, dataset, *how, lower_is_better)
        return examination if examination.measures else None

    def _is_examined(self, step: int) -> bool:
        """Whether a run evaluates at a step; true where it never does, for what was done before."""
        every = self.settings.evaluate_every
        return not every or step % every == 0 or step == self.settings.steps

    def start(self) -> None:
        """Write what comes before the first step, or make up for what the checkpoint lacks."""
        if not self.state:
            self.on_start()
            return
        # what the summary is to say, should no more be read
        self.logger.last |= self.state.get("last", {})
        if not self._is_evaluated():
            self.evaluate()

    def on_start(self) -> None:
        """What is written once: the configuration, real samples, samples before training."""
        config = self.experiment.config
        self.logger.log_config(config_table(config), list(flatten(config)))
        if not self.settings.sample_every:
            return
        real = self.sample_grid.real(self.samples, make_rng(self.settings.seed, "real"))
        self.logger.log_image("real", "samples/real", real)
        self.log_samples()

    def schedule(self) -> list[tuple[int | None, Callable[[], None]]]:
        """Periods in generator updates, and what is done at their multiples and at the end.

        What has a period of 0 is done as often as it can be, and of None at the end alone.
        """
        settings = self.settings
        examining = [(settings.evaluate_every, self.evaluate)] if self.evaluation else []
        return [
            (
                0,
                lambda: self.logger.update_progress(
                    self.trainer.step, self.trainer.loader.position
                ),
            ),
            (settings.log_every or None, self.log_metrics),
            *([(settings.sample_every, self.log_samples)] if settings.sample_every else []),
            *examining,
            (settings.checkpoint_every or None, self.saver.save),
        ]

    def log_metrics(self) -> None:
        """Ask for the meters' values; a device of its own pace is left to work on meanwhile."""
        self.flush()
        now = time.monotonic()
        if now < self._due and self.trainer.step < self.settings.steps:
            return  # the meters go on, and the next line is of all these steps
        self._due = now + self.settings.min_log_interval
        # the end of a run may fall between two regular readings, which a longer run would make
        every = self.settings.log_every
        regular = every > 0 and self.trainer.step % every == 0
        values = self.trainer.compute_metrics(reset=regular) | self.health_monitor.measure()
        self.pending = PendingMetrics(self.trainer.step, self.logger.images, values)
        if self.pending.immediate:
            self.flush()

    def flush(self) -> None:
        """Write the values asked for last, if any, and judge the run's health by them."""
        pending, self.pending = self.pending, None
        if pending is not None:
            values = pending.values()
            if self.settings.log_every:
                self.logger.log_metrics(pending, values)
            else:  # the summary says them all the same
                self.logger.last |= values
            self.health_monitor.read(pending.step, values)
            self.logger.log_health(pending.step, self.health_monitor.health.status)

    def log_samples(self) -> None:
        """Write a picture of samples of the same noise as ever."""
        self.logger.log_image(f"{self.trainer.step:06d}", "samples/fixed", self.sample_grid.fake())

    def evaluate(self) -> None:
        """Judge samples of the averaged generator, and keep the checkpoint if it is the best.

        A checkpoint is written first: whatever an evaluation comes across, training is not lost.
        """
        assert self.evaluation is not None
        step = self.trainer.step
        if not self.saver.has_present:
            self.saver.save()
        try:
            with self.logger.paused_timer():  # the first run on a dataset trains a network here
                result = self.evaluation.evaluate()
        except (DivergedError, ConfigError):
            raise
        except Exception as error:
            error.add_note(f"in the evaluation at step {step}; evaluate_every=0 continues without")
            raise
        self.examined = step
        self.logger.log_evaluation(result.numbers)
        self.logger.log_health(self.trainer.step, self.health_monitor.health.status)
        for name, pixels in result.pictures.items():
            drawn = partial(np.asarray, pixels)
            self.logger.log_image(f"{name}-{self.trainer.step:06d}", f"samples/{name}", drawn)
        self.evaluation.update(result, self.checkpoint_state)

    def checkpoint_state(self) -> dict[str, Any]:
        """What a checkpoint holds, once all that was told before it is on disk.

        Raises DivergedError for weights that are not finite.
        """
        self.flush()
        self.logger.flush()
        self.health_monitor.check_weights()
        samples = {"shape": self.samples.shape, "num_classes": self.samples.num_classes}
        samples |= {"class_names": self.samples.class_names}
        told = {"last": dict(self.logger.last), "evaluated": self._is_evaluated(), **self.data}
        return {"config": self.experiment.config, **samples, **told, **self.trainer.state_dict()}

    def _is_evaluated(self) -> bool:
        """Whether no evaluation is missing at the present step."""
        step = self.trainer.step
        due = self.evaluation is not None and step > 0 and self._is_examined(step)
        return not due or self.examined == step

    @cached_property
    def data(self) -> dict[str, Any]:
        """Fingerprint of the dataset, and its history where it changed between two parts."""
        return data_history(self.state, self.experiment.dataset.fingerprint)

    def on_divergence(self) -> None:
        """Tell why a run that diverged ends before its time."""
        log.error("health: %s; stopping", self.health_monitor.health.status)
        self.logger.log_health(self.trainer.step, self.health_monitor.health.status)

    def on_end(self, origin: dict[str, Any]) -> dict[str, Any]:
        """Write the summary of a run that came from `origin`, and return it.

        Raises Stopped where the last checkpoint could not be written.
        """
        self.saver.check()
        examined = self.evaluation.facts if self.evaluation else {}
        asked = {"steps_asked": self.settings.steps}  # more than it took where it diverged
        facts = {**self.data, **self.experiment.dataset.train.summary(), **asked}
        return self.logger.summary({**facts, **origin, **self.health_monitor.facts, **examined})


def _set_aside(folder: Path) -> None:
    """Keep under other names what a run without a checkpoint has written; one line says so."""
    kept = [set_aside(folder / name) for name in ("metrics.jsonl", "summary.json")]
    if names := ", ".join(path.name for path in kept if path):
        told = "%s has no checkpoint: starting from step 0; what it held is kept as %s"
        log.warning(told, folder, names)
