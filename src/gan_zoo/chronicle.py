"""What a run does besides training: readings, pictures, examinations, checkpoints, the summary."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.data.contents import names_of, summary_of
from gan_zoo.data.samples import Samples
from gan_zoo.experiment import Experiment
from gan_zoo.keeper import Keeper
from gan_zoo.metrics.health import DivergedError
from gan_zoo.metrics.watch import Examination, Watch
from gan_zoo.monitoring.album import Album
from gan_zoo.monitoring.header import leaves, table
from gan_zoo.monitoring.lines import set_aside
from gan_zoo.monitoring.monitor import Monitor
from gan_zoo.monitoring.reading import Reading
from gan_zoo.report.direction import lower_is_better
from gan_zoo.resume import data_history
from gan_zoo.schema import SettingError
from gan_zoo.training.loop import Training
from gan_zoo.training.streams import stream

log = logging.getLogger(__name__)


class Chronicle:
    """Everything that a run writes into its folder, and when.

    Args:
        samples: what is trained on, as the players know them.
        state: the checkpoint's content from which the run continues; None for a start.

    Raises SettingError, before anything is written, for an evaluation that does not suit the data.
    """

    def __init__(
        self,
        experiment: Experiment,
        samples: Samples,
        training: Training,
        folder: Path,
        state: Mapping[str, Any] | None = None,
    ):
        self.experiment, self.samples, self.training = experiment, samples, training
        self.settings, self.checkpoints = experiment.settings, folder / "checkpoints"
        seed, dataset = self.settings.seed, experiment.dataset
        noise = stream(seed, "album", samples.device)
        names = names_of(samples) if samples.num_classes > 1 else ()
        self.album = Album(dataset, training.game.average.network, noise, names)
        self.watch = Watch(training, samples, experiment.loss, seed)
        self.state = state or {}
        self.examination = self._examination()
        self.examined = training.step if self.state.get("evaluated", True) else -1
        self.keeper = Keeper(self.checkpoints, training, self.content)
        self.reading: Reading | None = None  # asked for and not yet written
        self._due = 0.0  # when the next one may be asked for
        reached = (training.step, training.feed.position)
        # killed between its last checkpoint and its summary, a run has read its meters for good
        every = self.settings.log_every or self.settings.evaluate_every or 1
        period = 1 if training.step == self.settings.steps else every
        if state is None:
            _set_aside(folder)
        evaluated = self.examined == training.step and self._is_examined(training.step)
        how = {"evaluated": evaluated, "unit": dataset.unit}
        self.monitor = Monitor(folder, self.settings.steps, period, *reached, **how)
        try:
            self.watch.recall(folder / "metrics.jsonl")
        except DivergedError as error:  # no run goes on from there: a digit was changed
            allowed = f"cannot be true of a run that can be continued: {error}"
            raise SettingError("resume", folder / "metrics.jsonl", allowed) from None

    def _examination(self) -> Examination | None:
        """The evaluations, unless none is asked for or nothing can be measured: one line says so.

        Raises SettingError for one that does not suit the data.
        """
        if not self.settings.evaluate_every:
            return None
        dataset = self.experiment.dataset
        if not dataset.has_test():
            told = "nothing is evaluated: the dataset holds no test samples"
            log.warning("%-12s %s", "evaluation", told)
            return None
        how = (self.settings.evaluation, self.checkpoints)
        examination = Examination(self.watch, dataset, *how, lower_is_better)
        return examination if examination.measures else None

    def _is_examined(self, step: int) -> bool:
        """Whether a run evaluates at a step; true where it never does, for what was done before."""
        every = self.settings.evaluate_every
        return not every or step % every == 0 or step == self.settings.steps

    def start(self) -> None:
        """Write what comes before the first step, or make up for what the checkpoint lacks."""
        if not self.state:
            self.begin()
            return
        # what the summary is to say, should no more be read
        self.monitor.last |= self.state.get("last", {})
        if not self._is_evaluated():
            self.examine()

    def begin(self) -> None:
        """What is written once: the configuration, real samples, samples before training."""
        config = self.experiment.config
        self.monitor.describe(table(config), list(leaves(config)))
        if not self.settings.sample_every:
            return
        real = self.album.real(self.samples, stream(self.settings.seed, "real"))
        self.monitor.picture("real", "samples/real", real)
        self.draw()

    def cadence(self) -> list[tuple[int | None, Callable[[], None]]]:
        """Periods in generator updates, and what is done at their multiples and at the end.

        What has a period of 0 is done as often as it can be, and of None at the end alone.
        """
        settings = self.settings
        examining = [(settings.evaluate_every, self.examine)] if self.examination else []
        return [
            (0, lambda: self.monitor.reach(self.training.step, self.training.feed.position)),
            (settings.log_every or None, self.read),
            *([(settings.sample_every, self.draw)] if settings.sample_every else []),
            *examining,
            (settings.checkpoint_every or None, self.keeper.save),
        ]

    def read(self) -> None:
        """Ask for the meters' values; a device of its own pace is left to work on meanwhile."""
        self.deliver()
        now = time.monotonic()
        if now < self._due and self.training.step < self.settings.steps:
            return  # the meters go on, and the next line is of all these steps
        self._due = now + self.settings.log_seconds
        # the end of a run may fall between two regular readings, which a longer run would make
        every = self.settings.log_every
        regular = every > 0 and self.training.step % every == 0
        values = self.training.read_meters(anew=regular) | self.watch.measure()
        self.reading = Reading(self.training.step, self.monitor.images, values)
        if self.reading.immediate:
            self.deliver()

    def deliver(self) -> None:
        """Write the values asked for last, if any, and judge the run's health by them."""
        reading, self.reading = self.reading, None
        if reading is not None:
            values = reading.values()
            if self.settings.log_every:
                self.monitor.scalars(reading, values)
            else:  # the summary says them all the same
                self.monitor.last |= values
            self.watch.read(reading.step, values)
            self.monitor.note_health(reading.step, self.watch.health.verdict)

    def draw(self) -> None:
        """Write a picture of samples of the same noise as ever."""
        self.monitor.picture(f"{self.training.step:06d}", "samples/fixed", self.album.fake())

    def examine(self) -> None:
        """Judge samples of the averaged generator, and keep the checkpoint if it is the best.

        A checkpoint is written first: whatever an evaluation comes across, training is not lost.
        """
        assert self.examination is not None
        step = self.training.step
        if not self.keeper.has_present:
            self.keeper.save()
        try:
            with self.monitor.aside():  # the first run on a dataset trains a network here
                judgement = self.examination.examine()
        except (DivergedError, SettingError):
            raise
        except Exception as error:
            error.add_note(f"in the evaluation at step {step}; evaluate_every=0 continues without")
            raise
        self.examined = step
        self.monitor.metrics(judgement.numbers)
        self.monitor.note_health(self.training.step, self.watch.health.verdict)
        for name, pixels in judgement.pictures.items():
            drawn = partial(np.asarray, pixels)
            self.monitor.picture(f"{name}-{self.training.step:06d}", f"samples/{name}", drawn)
        self.examination.offer(judgement, self.content)

    def content(self) -> dict[str, Any]:
        """What a checkpoint holds, once all that was told before it is on disk.

        Raises DivergedError for weights that are not finite.
        """
        self.deliver()
        self.monitor.settle()
        self.watch.check_weights()
        samples = {"shape": self.samples.shape, "num_classes": self.samples.num_classes}
        samples |= {"class_names": self.samples.class_names}
        told = {"last": dict(self.monitor.last), "evaluated": self._is_evaluated(), **self.data}
        return {"config": self.experiment.config, **samples, **told, **self.training.state_dict()}

    def _is_evaluated(self) -> bool:
        """Whether no evaluation is missing at the present step."""
        step = self.training.step
        due = self.examination is not None and step > 0 and self._is_examined(step)
        return not due or self.examined == step

    @cached_property
    def data(self) -> dict[str, Any]:
        """Fingerprint of the dataset, and its history where it changed between two parts."""
        return data_history(self.state, self.experiment.dataset.fingerprint)

    def give_up(self) -> None:
        """Tell why a run that diverged ends before its time."""
        log.error("health: %s; the run ends here", self.watch.health.verdict)
        self.monitor.note_health(self.training.step, self.watch.health.verdict)

    def end(self, origin: dict[str, Any]) -> dict[str, Any]:
        """Write the summary of a run that came from `origin`, and return it.

        Raises Stopped where the last checkpoint could not be written.
        """
        self.keeper.check()
        examined = self.examination.facts if self.examination else {}
        asked = {"steps_asked": self.settings.steps}  # more than it took where it diverged
        facts = {**self.data, **summary_of(self.experiment.dataset.train), **asked}
        return self.monitor.summary({**facts, **origin, **self.watch.facts, **examined})


def _set_aside(folder: Path) -> None:
    """Keep under other names what a run without a checkpoint has written; one line says so."""
    kept = [set_aside(folder / name) for name in ("metrics.jsonl", "summary.json")]
    if names := ", ".join(path.name for path in kept if path):
        told = "%s has no checkpoint: starting from step 0; what it held is kept as %s"
        log.warning(told, folder, names)
