"""Evaluates a generator and its critic on one dataset."""

import functools
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.networks import Critic, Generator, eval_mode, generate
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.data.mixtures import Mixture
from gan_zoo.devices import float64_device
from gan_zoo.evaluation.config import Evaluation
from gan_zoo.evaluation.images import ImageMetrics
from gan_zoo.evaluation.mixtures import MixtureMetrics
from gan_zoo.evaluation.result import EvalResult, FakeBatch
from gan_zoo.evaluation.sampling import Sampler, generate_fakes, sample_real
from gan_zoo.evaluation.yardstick_measurement import load_yardsticks
from gan_zoo.losses import Loss, ScoredBatch
from gan_zoo.metrics import critic as critic_metrics
from gan_zoo.metrics.classes import classification_error
from gan_zoo.metrics.feature_cache import Cache
from gan_zoo.metrics.metric_info import CLASSIFICATION_ERROR
from gan_zoo.metrics.yardstick import Yardstick
from gan_zoo.schema import ConfigError
from gan_zoo.training.rng import make_rng

log = logging.getLogger(__name__)

_DIAGNOSED = 512  # real and fake samples of the critic's diagnosis


class Evaluator:
    """Evaluates generators and critics that were trained on one dataset.

    Args:
        dataset: the dataset's settings.
        samples: its training samples as the networks get them, without labels if unconditional.
        settings: what to measure.
        device: of the networks; metrics are computed there if it has float64, else on the CPU.

    Attributes:
        metrics: the dataset's metrics, with a method for each group.
        names: groups that are measured; a warning names those that `all` or `fast` skip.
        sampler: generates samples of a generator.

    Raises ConfigError for an unknown group, one that the dataset does not allow, or a dataset
    without test samples.
    """

    def __init__(
        self, dataset: Any, samples: InMemoryDataset, settings: Evaluation, device: torch.device
    ):
        self.dataset, self.samples = dataset, samples
        self.sampler: Sampler = generate
        self.settings, self.device = settings, device
        metrics_device = float64_device(device)
        self.metrics = _metrics_for(dataset, settings, metrics_device, samples.num_classes > 1)
        self.names = self.metrics.available.select(settings.metrics)
        if skipped := self.metrics.available.skipped(settings.metrics):
            what = "skips" if self.names else "nothing is evaluated: skips"
            log.warning("%-12s %s %s", "evaluation", what, _reasons(skipped))

    def tags(self, classifies: bool) -> list[str]:
        """Return the tags of all metrics, the primary metric first.

        classifies: whether the critic is also a classifier.
        """
        own = [CLASSIFICATION_ERROR.tag()] if classifies else []
        return [*self.metrics.available.tags_of(self.names), *own]

    def evaluate(
        self,
        generator: Generator,
        critic: Critic,
        classifier: Critic | None,
        loss: Loss,
        progress: Callable[[Iterable[str]], Iterable[str]] = iter,
    ) -> EvalResult:
        """Measure the selected groups, and diagnose the critic.

        `progress` wraps the names of the groups. Raises DivergedError for samples that are not
        finite.
        """
        seed, about = self.settings.seed, self.metrics.about
        n, sampler = self.settings.num_samples, self.sampler
        fakes = generate_fakes(generator, self.samples, n, seed, sampler)
        result = self.measure(fakes.to(self.metrics.device), progress(self.names))
        result.yardsticks = self.yardsticks
        fake, y = fakes.x[:_DIAGNOSED], fakes.y[:_DIAGNOSED]
        real = sample_real(self.samples, y, seed, self.device)
        with eval_mode(critic):
            diagnosis = diagnose_critic(critic, loss, real, fake, y, make_rng(seed, "interpolated"))
            result.pictures |= self.metrics.plots(critic)
        result.add(diagnosis, {**about, "n": len(y), "seed": seed, "reference": "train"})
        if classifier is not None:
            error = classification_error(classifier, self._test, self.device)
            classified = EvalResult({CLASSIFICATION_ERROR.tag(): error})
            result.add(classified, {**about, "n": len(self._test), "reference": "test"})
        return result

    def measure(self, fakes: FakeBatch, names: Iterable[str]) -> EvalResult:
        """Measure groups of metrics on generated samples."""
        result = EvalResult()
        for name in names:
            group = self.metrics.groups[name]
            result.add(group(fakes), {**self.metrics.protocol_of(name), "n": len(fakes.x)})
        return result

    @functools.cached_property
    def yardsticks(self) -> Mapping[str, Yardstick]:
        """What values of the fast metrics mean, by tag, the primary metric's first."""
        cache, n = Cache(Path(self.settings.cache)), self.settings.num_samples
        found = load_yardsticks(self.dataset, self.metrics, self.names, n, cache)
        tags = self.metrics.available.tags_of(self.names)
        return {tag: found[tag] for tag in tags if tag in found}

    @functools.cached_property
    def _test(self) -> InMemoryDataset:
        """The test split with all its labels."""
        return self.dataset.load("test")


def _metrics_for(
    dataset: Any, settings: Evaluation, device: torch.device, conditional: bool
) -> ImageMetrics | MixtureMetrics:
    """Return the metrics for a dataset. Raises ConfigError without comparable test samples."""
    if not dataset.has_test():
        allowed = "holds out no samples to compare generated ones with"
        share = getattr(dataset, "test_share", None)
        named = dataset.source if share is None else ("dataset.test_share", f"{share:g}")
        raise ConfigError(*named, f"{allowed}; a run needs them from its start")
    if isinstance(dataset, Mixture):
        return MixtureMetrics(dataset, settings.num_samples, settings.seed, device)
    cache = Cache(Path(settings.cache))
    return ImageMetrics(dataset, settings.num_samples, settings.seed, cache, device, conditional)


def diagnose_critic(
    critic: Critic, loss: Loss, real: Tensor, fake: Tensor, y: Tensor, rng: torch.Generator
) -> EvalResult:
    """Measure a critic in evaluation mode, with histograms of its scores.

    real and fake (N, *shape) are scored with the same labels y (N,); rng, on the CPU, places the
    samples between them.
    """
    with torch.no_grad():
        score_real, score_fake = critic(real, y), critic(fake, y)
    share = torch.rand(len(y), generator=rng).to(real)
    numbers = {
        **critic_metrics.grad_norms(critic, real, fake, y, share),
        "critic/spectral_norm_product": critic_metrics.spectral_norm_product(critic),
        "critic/clipped_fraction": critic_metrics.clipped_fraction(critic),
        "critic/auroc": critic_metrics.auroc(score_real, score_fake),
        **critic_metrics.margins(
            loss, ScoredBatch(real, score_real), ScoredBatch(fake, score_fake)
        ),
    }
    return EvalResult(numbers, critic_metrics.score_histograms(score_real, score_fake))


def _reasons(skipped: Mapping[str, str]) -> str:
    """Return why groups are skipped, each reason and each remedy once."""
    names: dict[str, list[str]] = {}
    for name, reason in skipped.items():
        names.setdefault(reason.partition("; ")[0], []).append(name)
    remedies = dict.fromkeys(reason.partition("; ")[2] for reason in skipped.values())
    parts = [f"{', '.join(members)} ({reason})" for reason, members in names.items()]
    return "; ".join(filter(None, [", ".join(parts), *remedies]))
