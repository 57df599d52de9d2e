"""What a run does besides training, and when: logs, samples, evaluations, checkpoints, summary."""

import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from gan_zoo import checkpoints
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.evaluation.health import DivergedError
from gan_zoo.evaluation.monitor import HealthMonitor
from gan_zoo.evaluation.periodic import periodic_evaluation
from gan_zoo.experiment import Experiment
from gan_zoo.monitoring.header import config_table
from gan_zoo.monitoring.hyperparameters import hyperparameters
from gan_zoo.monitoring.logger import RunLogger
from gan_zoo.monitoring.progress import JobDisplay
from gan_zoo.monitoring.sample_grid import Picture, SampleGrid
from gan_zoo.resumed_run import (
    data_history,
    delete_pictures_after,
    set_aside_files,
    set_aside_results,
)
from gan_zoo.schema import ConfigError
from gan_zoo.training.meters import PendingMetrics
from gan_zoo.training.rng import make_rng
from gan_zoo.training.trainer import Schedule, Trainer

log = logging.getLogger(__name__)

_MEAN_STEPS = 100  # between two readings of the metrics, where no lines are logged


class LogClock:
    """Decides whether a step's metrics are logged: once for all runs of a stack.

    interval: seconds between two logged steps, at least.
    """

    def __init__(self, interval: float):
        self._interval, self._next_time = interval, 0.0
        self._step, self._is_due = -1, False

    def is_due(self, step: int) -> bool:
        """Return whether to log this step; the same for each run of a stack."""
        now = time.monotonic()
        if step != self._step:
            self._step, self._is_due = step, now >= self._next_time
            if self._is_due:
                self._next_time = now + self._interval
        return self._is_due


class RunCallbacks:
    """Everything that a run writes into its folder, and when.

    Args:
        samples: training samples, with the labels that the networks see.
        state: content of the checkpoint that the run resumes from; None for a new run.
        job: of a sweep; None for a run alone.
        like: callbacks of a run that differs in seed and numbers only, whose evaluator and clock
            this one uses, too.
        thread: that writes files, if several runs share it.

    Raises ConfigError, before anything is written, for an evaluation that does not suit the data.
    """

    def __init__(
        self,
        experiment: Experiment,
        samples: InMemoryDataset,
        trainer: Trainer,
        folder: Path,
        state: Mapping[str, Any] | None = None,
        job: JobDisplay | None = None,
        like: "RunCallbacks | None" = None,
        thread: ThreadPoolExecutor | None = None,
    ):
        self.experiment, self.samples, self.trainer = experiment, samples, trainer
        self.settings, self.state = experiment.settings, state or {}
        seed, dataset = self.settings.seed, experiment.dataset
        checkpoint_folder = folder / "checkpoints"
        rng = make_rng(seed, "grid", samples.device)
        names = samples.label_names if samples.num_classes > 1 else ()
        self.sample_grid = SampleGrid(dataset, trainer.gan.ema.network, rng, names)
        self.health_monitor = HealthMonitor(trainer, samples, experiment.loss, seed)
        if state is not None:
            with checkpoints.must_fit(state["step"], checkpoint_folder):
                longer = trainer.step < self.settings.steps
                self.health_monitor.load_state_dict(state["health"], longer)
        evaluator = like.evaluation.evaluator if like and like.evaluation else None
        self.evaluation = periodic_evaluation(
            self.health_monitor, dataset, self.settings, checkpoint_folder, evaluator
        )
        if self.evaluation:
            self.evaluation.facts = self.state.get("evaluation", {})
        self.evaluated_step = self.state.get("evaluated_step", -1)
        self.logged_step = self.state.get("logged_step", trainer.step)
        self.saver = checkpoints.CheckpointSaver(checkpoint_folder, trainer, self.checkpoint_state)
        self.pending: PendingMetrics | None = None  # computed but not yet logged
        self._clock = like._clock if like else LogClock(self.settings.min_log_interval)
        checkpoints.delete_after(checkpoint_folder, trainer.step)
        if state is None:
            set_aside_files(folder)
        else:
            delete_pictures_after(folder, trainer.step)
        if trainer.step < self.settings.steps:
            set_aside_results(folder, self.settings.steps)
        self.logger = self._make_logger(folder, job, thread)

    def _make_logger(
        self, folder: Path, job: JobDisplay | None, thread: ThreadPoolExecutor | None
    ) -> RunLogger:
        step = self.trainer.step
        return RunLogger(
            folder,
            self.settings.steps,
            step,
            self.trainer.loader.position,
            logged=self.logged_step == step and self._keeps_lines("log_every"),
            evaluated=self.evaluated_step == step and self._keeps_lines("evaluate_every"),
            unit=self.experiment.dataset.unit,
            job=job,
            seconds=self.state.get("seconds", 0.0),
            thread=thread,
        )

    def _keeps_lines(self, period: str) -> bool:
        """Return whether lines of the step to resume from stay: not if only an end brought them.

        period: the setting that brings such lines, whose value may have changed; lines that the
        run no longer writes stay. At its end (killed before its summary) it cannot repeat them.
        """
        step, old = self.trainer.step, self.state.get("config", {}).get(period)
        new = getattr(self.settings, period)
        regular = any(every and step % every == 0 for every in (old, new))
        return regular or not new or step == self.settings.steps

    def start(self) -> None:
        """Log what precedes the first step, or what the checkpoint lacks at its own.

        A run that ends where it was stopped makes no step: its end is logged here.
        """
        if not self.state:
            self.on_start()
        self.logger.last |= self.state.get("last", {})  # in case nothing more is logged
        if self.trainer.step == self.settings.steps != self.logged_step:
            self.log_metrics()
            self.flush()
            if self.settings.sample_every:
                self.log_samples()
        if self._lacks_evaluation():
            self.evaluate()

    def on_start(self) -> None:
        """Log the configuration, real samples, and samples before training."""
        config = self.experiment.config
        settings = hyperparameters(config, self.logger.folder)
        tags = self.evaluation.tags if self.evaluation else ()
        self.logger.log_config(config_table(config), settings, tags)
        if self.settings.sample_every:
            real = self.sample_grid.real(self.samples, make_rng(self.settings.seed, "real"))
            self.logger.log_image("real", "samples/real", real)
            self.log_samples()

    def schedule(self) -> Schedule:
        """Return the actions and their periods, as `Trainer.fit` takes them."""
        settings = self.settings
        schedule: Schedule = [(0, self.update_progress), (self._metrics_every, self.log_metrics)]
        if settings.sample_every:
            schedule.append((settings.sample_every, self.log_samples))
        if self.evaluation:
            schedule.append((settings.evaluate_every, self.evaluate))
        return [*schedule, (settings.checkpoint_every or None, self.saver.save)]

    @property
    def _metrics_every(self) -> int:
        return self.settings.log_every or _MEAN_STEPS

    def update_progress(self) -> None:
        """Show the present step in the progress bar."""
        self.logger.update_progress(self.trainer.step, self.trainer.loader.position)

    def log_metrics(self) -> None:
        """Compute the metrics; log them now, or at the next call if they are still on a GPU."""
        self.flush()
        step = self.trainer.step
        if not self._clock.is_due(step) and step < self.settings.steps:
            return  # the next line has the means of these steps, too
        regular = step % self._metrics_every == 0
        if not regular:  # the end of the run, which a longer one does not log
            self.health_monitor.keep_for_longer_run(evaluated=False)
        values = self.trainer.compute_metrics(reset=regular) | self.health_monitor.measure()
        self.pending = PendingMetrics(step, self.logger.images, values)
        self.logged_step = step
        if self.pending.immediate:
            self.flush()

    def flush(self) -> None:
        """Log the pending metrics, if any, and check the run's health by them."""
        pending, self.pending = self.pending, None
        if pending is None:
            return
        values = pending.values()
        if self.settings.log_every:
            self.logger.log_metrics(pending, values)
        else:
            self.logger.last |= values  # for the summary
        self.health_monitor.health.read(pending.step, values)
        self._log_health(pending.step)

    def _log_health(self, step: int) -> None:
        self.logger.log_health(step, self.health_monitor.health.status)

    def log_samples(self) -> None:
        """Log an image of samples, of the same latent vectors each time."""
        self.logger.log_image(f"{self.trainer.step:06d}", "samples/fixed", self.sample_grid.fake())

    def evaluate(self) -> None:
        """Evaluate the EMA generator, and keep the checkpoint if it is the best.

        Saves a checkpoint first: if the evaluation fails, training is not lost.
        """
        assert self.evaluation is not None
        step = self.trainer.step
        if not self.saver.is_current:
            self.saver.save()
        if step % self.settings.evaluate_every:  # the end of the run
            self.health_monitor.keep_for_longer_run(evaluated=True)
        try:
            with self.logger.paused_timer():  # the first run on a dataset trains a network here
                result = self.evaluation.evaluate()
        except (DivergedError, ConfigError):
            raise
        except Exception as error:
            error.add_note(f"in the evaluation at step {step}; evaluate_every=0 disables it")
            raise
        self.evaluated_step = step
        self.logger.log_scalars(step, result.numbers)
        self._log_health(step)
        for name, pixels in result.pictures.items():
            draw = partial(Picture, pixels)
            self.logger.log_image(f"{name}-{step:06d}", f"samples/{name}", draw)
        self.evaluation.update(result, self.checkpoint_state)

    def checkpoint_state(self) -> dict[str, Any]:
        """Return a checkpoint's content, once everything logged before it is on disk.

        Raises DivergedError for weights that are not finite.
        """
        self.flush()
        self.logger.flush()
        self.health_monitor.check_weights()
        return {
            "config": self.experiment.config,
            "shape": self.samples.shape,
            "num_classes": self.samples.num_classes,
            "class_names": self.samples.class_names,
            **self._data,
            "last": dict(self.logger.last),
            "seconds": self.logger.seconds,
            "logged_step": self.logged_step,
            "evaluated_step": self.evaluated_step,
            "health": self.health_monitor.state_dict(),
            "evaluation": self.evaluation.facts if self.evaluation else {},
            **self.trainer.state_dict(),
        }

    def _lacks_evaluation(self) -> bool:
        """Return whether the present step is to be evaluated and is not."""
        if self.evaluation is None or self.trainer.step in (0, self.evaluated_step):
            return False
        return self.trainer.is_due(self.settings.evaluate_every, self.settings.steps)

    @cached_property
    def _data(self) -> dict[str, Any]:
        """Fingerprint of the dataset, and its history if it changed between two parts."""
        return data_history(self.state, self.experiment.dataset.fingerprint)

    def on_divergence(self) -> None:
        """Log why the run stops early."""
        log.info("health: %s; stopping", self.health_monitor.health.status)
        self._log_health(self.trainer.step)

    def on_end(self, origin: dict[str, Any]) -> dict[str, Any]:
        """Write the summary, which includes the run's `origin`, and return it.

        Raises Stopped if the last checkpoint could not be written.
        """
        self.saver.check()
        facts = {
            **self._data,
            **self.experiment.dataset.train.summary(),
            **origin,
            "steps_asked": self.settings.steps,  # more than were made if the run diverged
            "health": self.health_monitor.health.status,
            **(self.evaluation.summary() if self.evaluation else {}),
        }
        return self.logger.summary(facts)
