"""A critic examined on a few hundred samples, with all that can be said of it."""

import functools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.networks import Critic, Generator, in_evaluation_mode
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.evaluation.config import Evaluation
from gan_zoo.evaluation.result import EvalResult
from gan_zoo.evaluation.sampling import generate_fakes, metrics_for
from gan_zoo.losses import Loss, ScoredBatch
from gan_zoo.metrics import critic as critic_metrics
from gan_zoo.metrics.classes import classification_error
from gan_zoo.training.rng import make_rng


def diagnose_critic(
    critic: Critic, loss: Loss, real: Tensor, fake: Tensor, y: Tensor, rng: torch.Generator
) -> EvalResult:
    """Numbers and score histograms of a critic in evaluation mode.

    real and fake (N, *shape) are scored for the same labels y (N,); draws, a CPU generator, places
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


def zero_score_loss(loss: Loss, real: Tensor) -> float:
    """The critic's loss if it gave every sample the score 0, with real samples (N, *shape) halved.

    A measure of what there is to gain: a loss far below it means that the critic has won.
    """
    half = len(real) // 2
    zero = torch.zeros(half, device=real.device)
    parts = ScoredBatch(real[:half], zero), ScoredBatch(real[half : 2 * half], zero)
    return loss.critic(*parts).item()


log = logging.getLogger(__name__)

_EXAMINED = 512  # samples of each kind that the critic is examined on


class Evaluator:
    """Examines generators and critics that were trained on one dataset.

    Args:
        dataset: the dataset's settings.
        samples: its training samples as the players know them, unlabeled if they are.
        settings: what to measure.
        device: where the players are.

    Attributes:
        names: groups of numbers that are measured; a line in the log names those that `all` or
            `fast` would select if the dataset admitted them.

    Raises ConfigError for an unknown group of metrics, or one that the dataset does not admit.
    """

    def __init__(
        self, dataset: Any, samples: InMemoryDataset, settings: Evaluation, device: torch.device
    ):
        self.samples, self.settings, self.device = samples, settings, device
        self.dataset = dataset
        self.metrics = metrics_for(dataset, settings, device, samples.num_classes > 1)
        self.names = self.metrics.chosen(settings.metrics)
        if skipped := self.metrics.available.skipped(settings.metrics):
            so = "goes without" if self.names else "nothing is evaluated: without"
            log.warning("%-12s %s %s", "evaluation", so, _reasons(skipped))

    def tags(self, classifies: bool) -> list[str]:
        """Tags of what an evaluation measures of samples and classifier, the headline first.

        classifies: whether the critic is also a classifier.
        """
        own = ["metric/classification_error"] if classifies else []
        return [*self.metrics.available.tags_of(self.names), *own]

    def evaluate(
        self,
        generator: Generator,
        critic: Critic,
        classifier: Critic | None,
        loss: Loss,
        shown: Callable[[Iterable[str]], Iterable[str]] = iter,
    ) -> EvalResult:
        """Everything that the settings ask for, and the critic's diagnosis.

        `format_value` goes through the names of what is measured, and may show progress. Raises
        DivergedError for samples that are not finite.
        """
        seed = self.settings.seed
        fakes = generate_fakes(generator, self.samples, self.settings.num_samples, seed)
        result = self.metrics.compute(fakes, shown(self.names))
        fake, y = fakes.x[:_EXAMINED], fakes.y[:_EXAMINED]
        real = sample_real(self.samples, y, seed, self.device)
        found = in_evaluation_mode(
            critic, lambda: diagnose_critic(critic, loss, real, fake, y, make_rng(seed, "between"))
        )
        about = self.metrics.about
        result.add(found, {**about, "n": len(y), "seed": seed, "reference": "train"})
        if classifier is not None:
            error = classification_error(classifier, self._held_out, self.device)
            classified = EvalResult({"metric/classification_error": error})
            result.add(classified, {**about, "n": len(self._held_out), "reference": "test"})
        result.pictures |= in_evaluation_mode(critic, lambda: self.metrics.plots(critic))
        return result

    @functools.cached_property
    def _held_out(self) -> InMemoryDataset:
        """All labeled samples that nobody trains on."""
        return self.dataset.load("test")


def _reasons(skipped: Mapping[str, str]) -> str:
    """Why groups of numbers are not measured, each reason and each remedy once."""
    names: dict[str, list[str]] = {}
    for name, reason in skipped.items():
        names.setdefault(reason.partition("; ")[0], []).append(name)
    remedies = dict.fromkeys(reason.partition("; ")[2] for reason in skipped.values())
    parts = [f"{', '.join(members)} ({reason})" for reason, members in names.items()]
    return "; ".join(filter(None, [", ".join(parts), *remedies]))


def sample_real(samples: InMemoryDataset, y: Tensor, seed: int, device: torch.device) -> Tensor:
    """Real samples (n, *shape) with the labels y (n,), the same for the same seed, on a device."""
    indices = samples.sample_with_labels(y.cpu(), make_rng(seed, "examined"))
    return samples.gather(indices)[0].to(device)
