"""A run watched while it trains: its health at each reading, an examination now and then."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.players import in_evaluation_mode
from gan_zoo.data.samples import Samples
from gan_zoo.losses import Loss
from gan_zoo.metrics.best import Best, best_tag
from gan_zoo.metrics.diagnosis import indifferent_loss
from gan_zoo.metrics.evaluation import Evaluation
from gan_zoo.metrics.examiner import Examiner, real_samples
from gan_zoo.metrics.health import DivergedError, Health
from gan_zoo.metrics.judge import Judgement
from gan_zoo.metrics.judging import draw_labels
from gan_zoo.metrics.vitals import Vitals
from gan_zoo.schema import SettingError
from gan_zoo.training.loop import Training
from gan_zoo.training.streams import stream

_BATCH = 128  # samples that vitals are taken of
_SHARE = 0.002  # of the samples made for training: vitals take no more, however often is read


class Watch:
    """Watches over one run; its random streams are its own, so that the run does not notice.

    Args:
        training: the run; samples: what it trains on; seed: the run's own.
    """

    def __init__(self, training: Training, samples: Samples, loss: Loss, seed: int):
        self.training, self.samples, self.loss = training, samples, loss
        self.device = training.noise.device
        generator = training.game.average.network
        y = draw_labels(samples.y, generator.num_classes, _BATCH, seed)
        real = real_samples(samples, y, seed, self.device)
        self.y, self.z = y.to(self.device), generator.sample_z(_BATCH, self._stream(seed))
        self.vitals = Vitals(real)
        made = training.feed.batch_size * (training.n_critic + 1)  # in each step
        self._period, self._next = math.ceil(_BATCH / (_SHARE * made)), 0
        self.health = Health(indifferent_loss(loss, real))

    def _stream(self, seed: int) -> torch.Generator:
        return stream(seed, "vitals", self.device)

    def recall(self, lines: Path) -> None:
        """Read the values that the run has written so far, to know since when something is so."""
        for line in lines.read_text(encoding="utf-8").splitlines() if lines.exists() else ():
            values = json.loads(line)
            step = values.pop("step")
            known = {name: value for name, value in values.items() if value is not None}
            self.health.read(step, known)
            self.health.read_metrics(step, known)
            if "health/spread" in values:
                self._next = step + self._period

    @torch.no_grad()
    def measure(self) -> dict[str, Tensor]:
        """Signs of collapse in samples of the averaged generator, always of the same noise.

        Scalars on the device. None at all if the last ones were taken only few steps ago.
        """
        if self.training.step < self._next:
            return {}
        self._next = self.training.step + self._period
        network = self.training.game.average.network
        return self.vitals.measure(in_evaluation_mode(network, lambda: network(self.z, self.y)))

    def read(self, step: int, values: Mapping[str, float]) -> None:
        """Judge the run's health by a reading of a step. Raises DivergedError if past recovery."""
        self.health.read(step, values)

    def check_weights(self) -> None:
        """Raises DivergedError where a player's weights are not finite: never to be saved."""
        for player in ("generator", "critic"):
            parameters = getattr(self.training.game, player).parameters()
            if not torch.stack([p.detach().isfinite().all() for p in parameters]).all():
                reason = DivergedError(f"weights/{player}", float("nan"))
                raise self.health.give_up(self.training.step, reason)

    @property
    def facts(self) -> dict[str, Any]:
        """What a summary says of it."""
        return {"health": self.health.verdict}


class Examination:
    """The evaluations of one run while it trains, and the best checkpoint by one of their numbers.

    Args:
        watch: of the run; dataset: the dataset's settings.
        folder: where best.pt is kept.
        lower_is_better: whether less of a tag is better; None where its name does not tell.

    Attributes:
        facts: what a summary says of the last evaluation.

    Raises SettingError for settings that do not suit the dataset.
    """

    def __init__(
        self,
        watch: Watch,
        dataset: Any,
        settings: Evaluation,
        folder: Path,
        lower_is_better: Callable[[str], bool | None],
    ):
        self.watch, self.facts = watch, {}
        game = watch.training.game
        try:
            self.examiner = Examiner(dataset, watch.samples, settings, watch.device)
            tags = self.examiner.tags(game.classifier is not None)
            tag = best_tag(settings.best, tags, lower_is_better)
        except SettingError as error:
            named = error.key in ("metrics", "best")
            raise error.under("evaluation" if named else "") from None
        self.best = Best(folder, tag, bool(lower_is_better(tag))) if tag else None

    @property
    def measures(self) -> bool:
        """Whether anything can be measured on this dataset."""
        return bool(self.examiner.names)

    def examine(self) -> Judgement:
        """Judge the run now. Raises DivergedError for samples that are not finite."""
        training, health = self.watch.training, self.watch.health
        try:
            judgement = self.examiner.examine(
                training.game.average.network,
                training.game.critic,
                training.game.classifier and training.game.classifier.network,
                self.watch.loss,
            )
        except DivergedError as reason:
            raise health.give_up(training.step, reason) from None
        health.read_metrics(training.step, judgement.numbers)
        return judgement

    def offer(self, judgement: Judgement, content: Callable[[], dict[str, Any]]) -> None:
        """Keep what a checkpoint holds, `content`, if the judgement of it is the best so far."""
        self.facts = {"protocol": judgement.protocols}
        if self.best is None:
            return
        value = judgement.numbers[self.best.metric]
        self.best.offer(self.watch.training.step, value, content)
        self.facts["best"] = self.best.record
