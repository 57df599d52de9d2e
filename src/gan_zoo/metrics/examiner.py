"""Examines a game: its samples by the dataset's judge, its critic by diagnosis."""

import functools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.players import Critic, Generator, in_evaluation_mode
from gan_zoo.data.samples import Samples
from gan_zoo.losses import Loss
from gan_zoo.metrics.classification import classification_error
from gan_zoo.metrics.diagnosis import diagnose
from gan_zoo.metrics.evaluation import Evaluation
from gan_zoo.metrics.judge import Judgement
from gan_zoo.metrics.judging import draw_fakes, judge_for
from gan_zoo.training.streams import stream

log = logging.getLogger(__name__)

_EXAMINED = 512  # samples of each kind that the critic is examined on


class Examiner:
    """Examines generators and critics that were trained on one dataset.

    Args:
        dataset: the dataset's settings.
        samples: its training samples as the players know them, unlabelled if they are.
        settings: what to measure.
        device: where the players are.

    Attributes:
        names: groups of numbers that are measured; a line in the log names those that `all` or
            `quick` would select if the dataset admitted them.

    Raises SettingError for an unknown group of metrics, or one that the dataset does not admit.
    """

    def __init__(self, dataset: Any, samples: Samples, settings: Evaluation, device: torch.device):
        self.samples, self.settings, self.device = samples, settings, device
        self.dataset = dataset
        self.judge = judge_for(dataset, settings, device, samples.num_classes > 1)
        self.names = self.judge.chosen(settings.metrics)
        if skipped := self.judge.available.skipped(settings.metrics):
            so = "goes without" if self.names else "nothing is evaluated: without"
            log.warning("%-12s %s %s", "evaluation", so, _reasons(skipped))

    def tags(self, classifies: bool) -> list[str]:
        """Tags of what an evaluation measures of samples and classifier, the headline first.

        classifies: whether the critic is also a classifier.
        """
        own = ["metric/classification_error"] if classifies else []
        return [*self.judge.available.tags_of(self.names), *own]

    def examine(
        self,
        generator: Generator,
        critic: Critic,
        classifier: Critic | None,
        loss: Loss,
        shown: Callable[[Iterable[str]], Iterable[str]] = iter,
    ) -> Judgement:
        """Everything that the settings ask for, and the critic's diagnosis.

        `shown` goes through the names of what is measured, and may show progress. Raises
        DivergedError for samples that are not finite.
        """
        seed = self.settings.seed
        fakes = draw_fakes(generator, self.samples, self.settings.n, seed)
        judgement = self.judge.judge(fakes, shown(self.names))
        fake, y = fakes.x[:_EXAMINED], fakes.y[:_EXAMINED]
        real = real_samples(self.samples, y, seed, self.device)
        found = in_evaluation_mode(
            critic, lambda: diagnose(critic, loss, real, fake, y, stream(seed, "between"))
        )
        about = self.judge.about
        judgement.add(found, {**about, "n": len(y), "seed": seed, "reference": "train"})
        if classifier is not None:
            error = classification_error(classifier, self._held_out, self.device)
            classified = Judgement({"metric/classification_error": error})
            judgement.add(classified, {**about, "n": len(self._held_out), "reference": "test"})
        judgement.pictures |= in_evaluation_mode(critic, lambda: self.judge.portray(critic))
        return judgement

    @functools.cached_property
    def _held_out(self) -> Samples:
        """All labelled samples that nobody trains on."""
        return self.dataset.load("test")


def _reasons(skipped: Mapping[str, str]) -> str:
    """Why groups of numbers are not measured, each reason and each remedy once."""
    names: dict[str, list[str]] = {}
    for name, reason in skipped.items():
        names.setdefault(reason.partition("; ")[0], []).append(name)
    remedies = dict.fromkeys(reason.partition("; ")[2] for reason in skipped.values())
    parts = [f"{', '.join(members)} ({reason})" for reason, members in names.items()]
    return "; ".join(filter(None, [", ".join(parts), *remedies]))


def real_samples(samples: Samples, y: Tensor, seed: int, device: torch.device) -> Tensor:
    """Real samples (n, *shape) with the labels y (n,), the same for the same seed, on a device."""
    places = samples.alike(y.cpu(), stream(seed, "examined"))
    return samples.take(places)[0].to(device)
