"""A run watched while it trains: its health at each reading, an examination now and then."""

import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.networks import in_evaluation_mode
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.evaluation.best_checkpoint import BestCheckpoint, best_tag
from gan_zoo.evaluation.collapse import CollapseStats
from gan_zoo.evaluation.config import Evaluation
from gan_zoo.evaluation.evaluator import Evaluator, sample_real, zero_score_loss
from gan_zoo.evaluation.health import EVALUATED, DivergedError, Health
from gan_zoo.evaluation.result import EvalResult
from gan_zoo.evaluation.sampling import sample_labels
from gan_zoo.losses import Loss
from gan_zoo.schema import ConfigError
from gan_zoo.training.rng import make_rng
from gan_zoo.training.trainer import Trainer

log = logging.getLogger(__name__)

_BATCH = 128  # samples that vitals are taken of
_SHARE = 0.002  # of the samples made for training: vitals take no more, however often is read


class HealthMonitor:
    """Watches over one run; its random streams are its own, so that the run does not notice.

    Args:
        trainer: the run; samples: what it trains on; seed: the run's own.
    """

    def __init__(self, trainer: Trainer, samples: InMemoryDataset, loss: Loss, seed: int):
        self.trainer, self.samples, self.loss = trainer, samples, loss
        self.device = trainer.latent_rng.device
        generator = trainer.gan.ema.network
        y = sample_labels(samples.y, generator.num_classes, _BATCH, seed)
        real = sample_real(samples, y, seed, self.device)
        self.y, self.z = (
            y.to(self.device),
            generator.sample_z(_BATCH, make_rng(seed, "vitals", self.device)),
        )
        self.collapse_stats = CollapseStats(real)
        made = trainer.loader.batch_size * (trainer.n_critic + 1)  # in each step
        self._period, self._next = math.ceil(_BATCH / (_SHARE * made)), 0
        self.health = Health(zero_score_loss(loss, real))
        self._before_end: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """Return all that observations change, as plain values; see `keep_for_longer_run`."""
        return {**self._state(), "before_end": self._before_end}

    def load_state_dict(self, state: Mapping[str, Any], longer: bool) -> None:
        """Load a `state_dict`. `longer`: whether the run is longer than the one that saved it."""
        values = {**state, **(state["before_end"] if longer else {})}
        self.health.load_state_dict(values)
        self._next = int(values["next"])
        self._before_end = {} if longer else dict(state["before_end"])

    def _state(self) -> dict[str, Any]:
        return {"next": self._next, **self.health.state_dict()}

    def keep_for_longer_run(self, evaluated: bool) -> None:
        """Exclude the next observation, of an evaluation or of logged metrics, from longer runs.

        Only the end of this run brings it, so that a run of more steps never makes it.
        """
        before = self._state().items()
        self._before_end |= {name: v for name, v in before if (name in EVALUATED) == evaluated}

    @torch.no_grad()
    def measure(self) -> dict[str, Tensor]:
        """Signs of collapse in samples of the averaged generator, always of the same noise.

        Scalars on the device. None at all if the last ones were taken only few steps ago.
        """
        if self.trainer.step < self._next:
            return {}
        self._next = self.trainer.step + self._period
        network = self.trainer.gan.ema.network
        return self.collapse_stats.measure(
            in_evaluation_mode(network, lambda: network(self.z, self.y))
        )

    def check_weights(self) -> None:
        """Raises DivergedError where a player's weights are not finite: never to be saved."""
        for player in ("generator", "critic"):
            parameters = getattr(self.trainer.gan, player).parameters()
            if not torch.stack([p.detach().isfinite().all() for p in parameters]).all():
                reason = DivergedError(f"weights/{player}", float("nan"))
                raise self.health.diverge(self.trainer.step, reason)


class PeriodicEvaluation:
    """The evaluations of one run while it trains, and the best checkpoint by one of their numbers.

    Args:
        health_monitor: of the run; dataset: the dataset's settings.
        folder: where best.pt is kept.
        lower_is_better: whether less of a tag is better; None where its name does not tell.

    Attributes:
        facts: what a summary says of the last evaluation.

    Raises ConfigError for settings that do not suit the dataset.
    """

    def __init__(
        self,
        health_monitor: HealthMonitor,
        dataset: Any,
        settings: Evaluation,
        folder: Path,
        lower_is_better: Callable[[str], bool | None],
    ):
        self.health_monitor, self.facts = health_monitor, {}
        gan = health_monitor.trainer.gan
        try:
            self.evaluator = Evaluator(
                dataset, health_monitor.samples, settings, health_monitor.device
            )
            tags = self.evaluator.tags(gan.ema_critic is not None)
            tag = best_tag(settings.monitor, tags, lower_is_better)
        except ConfigError as error:
            named = error.key in ("metrics", "monitor")
            raise error.under("evaluation" if named else "") from None
        self.best = BestCheckpoint(folder, tag, bool(lower_is_better(tag))) if tag else None

    def evaluate(self) -> EvalResult:
        """Judge the run now. Raises DivergedError for samples that are not finite."""
        trainer, health = self.health_monitor.trainer, self.health_monitor.health
        try:
            result = self.evaluator.evaluate(
                trainer.gan.ema.network,
                trainer.gan.critic,
                trainer.gan.ema_critic and trainer.gan.ema_critic.network,
                self.health_monitor.loss,
            )
        except DivergedError as reason:
            raise health.diverge(trainer.step, reason) from None
        health.read_metrics(trainer.step, result.numbers)
        return result

    def update(self, result: EvalResult, content: Callable[[], dict[str, Any]]) -> None:
        """Keep what a checkpoint holds, `content`, if the judgment of it is the best so far."""
        self.facts = {"protocol": result.protocols}
        if self.best is None:
            return
        value = result.numbers[self.best.metric]
        self.best.update(self.health_monitor.trainer.step, value, content)
        self.facts["best"] = self.best.record


def periodic_evaluation(
    health_monitor: HealthMonitor,
    dataset: Any,
    settings: Any,
    folder: Path,
    lower_is_better: Callable[[str], bool | None],
) -> PeriodicEvaluation | None:
    """Make the evaluation of a run with these `RunConfig` settings; None if it evaluates nothing.

    Raises ConfigError for settings that do not suit the dataset.
    """
    if not settings.evaluate_every:
        return None
    if not dataset.has_test():
        log.warning("%-12s nothing is evaluated: the dataset holds no test samples", "evaluation")
        return None
    evaluation = PeriodicEvaluation(
        health_monitor, dataset, settings.evaluation, folder, lower_is_better
    )
    return evaluation if evaluation.evaluator.names else None
