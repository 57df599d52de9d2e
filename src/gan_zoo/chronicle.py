"""What a run does besides training: readings, pictures, examinations, checkpoints, the summary."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_zoo import checkpoints
from gan_zoo.data.samples import Samples
from gan_zoo.experiment import Experiment
from gan_zoo.metrics.watch import Examination, Watch
from gan_zoo.monitoring.album import Album
from gan_zoo.monitoring.header import leaves, table
from gan_zoo.monitoring.monitor import Monitor
from gan_zoo.report.direction import lower_is_better
from gan_zoo.training.loop import Training
from gan_zoo.training.streams import stream

log = logging.getLogger(__name__)

_KEPT = 2  # checkpoints: the newest, and the one before in case that one is damaged


class Chronicle:
    """Everything that a run writes into its folder, and when.

    Raises SettingError, before anything is written, for an evaluation that does not suit the data.
    """

    def __init__(self, experiment: Experiment, samples: Samples, training: Training, folder: Path):
        self.experiment, self.samples, self.training = experiment, samples, training
        self.settings, self.checkpoints = experiment.settings, folder / "checkpoints"
        seed, dataset = self.settings.seed, experiment.dataset
        noise = stream(seed, "album", samples.device)
        self.album = Album(dataset, training.average.network, noise)
        self.watch = Watch(training, samples, experiment.loss, seed)
        self.examination = None
        if 0 < self.settings.evaluate_every <= self.settings.steps:
            how = (self.settings.evaluation, self.checkpoints)
            self.examination = Examination(self.watch, dataset, *how, lower_is_better)
        reached = (training.step, training.feed.position)
        self.monitor = Monitor(folder, self.settings.steps, self.settings.log_every, *reached)
        self.watch.recall(folder / "metrics.jsonl")

    def begin(self) -> None:
        """What is written once: the configuration, real samples, samples before training."""
        config = self.experiment.config
        self.monitor.events.text("config", table(config))
        self.monitor.events.hyperparameters(leaves(config))
        real = self.album.real(self.samples, stream(self.settings.seed, "real"))
        self.monitor.picture("real", "samples/real", real)
        self.draw()

    def cadence(self) -> list[tuple[int, Callable[[], None]]]:
        """Periods in generator updates, and what is done at their multiples and at the end."""
        settings = self.settings
        examining = [(settings.evaluate_every, self.examine)] if self.examination else []
        return [
            (1, lambda: self.monitor.tick(self.training.feed.position)),
            (settings.log_every, self.read),
            (settings.sample_every, self.draw),
            *examining,
            (settings.checkpoint_every, self.save),
        ]

    def read(self) -> None:
        """Write the meters, and judge the run's health by them."""
        # the end of a run may fall between two regular readings, which a longer run would make
        regular = self.training.step % self.settings.log_every == 0
        values = self.training.read_meters(anew=regular) | self.watch.measure()
        self.monitor.scalars(values)
        self.watch.read(values)
        self.monitor.note_health(self.watch.health.verdict)

    def draw(self) -> None:
        """Write a picture of samples of the same noise as ever."""
        self.monitor.picture(f"{self.training.step:06d}", "samples/fixed", self.album.fake())

    def examine(self) -> None:
        """Judge samples of the averaged generator, and keep the checkpoint if it is the best."""
        assert self.examination is not None
        judgement = self.examination.examine(self.content)
        self.monitor.metrics(judgement.numbers)
        self.monitor.note_health(self.watch.health.verdict)
        for name, pixels in judgement.pictures.items():
            self.monitor.picture(f"{name}-{self.training.step:06d}", f"samples/{name}", pixels)

    def content(self) -> dict[str, Any]:
        """What a checkpoint holds. Raises DivergedError for weights that are not finite."""
        self.watch.check_weights()
        samples = {"shape": self.samples.shape, "num_classes": self.samples.num_classes}
        return {"config": self.experiment.config, **samples, **self.training.state_dict()}

    def save(self) -> None:
        """Write a checkpoint, and let go of the oldest."""
        checkpoints.save(self.checkpoints / f"{self.training.step:08d}.pt", self.content())
        checkpoints.keep_newest(self.checkpoints, _KEPT)

    def give_up(self) -> None:
        """Tell why a run that diverged ends before its time."""
        log.error("health: %s; the run ends here", self.watch.health.verdict)
        self.monitor.note_health(self.watch.health.verdict)

    def end(self, origin: dict[str, Any]) -> dict[str, Any]:
        """Write the summary of a run that came from `origin`, and return it."""
        examined = self.examination.facts if self.examination else {}
        data = {"dataset_fingerprint": self.samples.fingerprint()}
        return self.monitor.summary({**data, **origin, **self.watch.facts, **examined})
