"""Evaluations of a run while it trains, and its best checkpoint by one of their metrics."""

import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gan_zoo import checkpoints
from gan_zoo.evaluation.config import Evaluation, monitored_tag
from gan_zoo.evaluation.evaluator import Evaluator
from gan_zoo.evaluation.health import DivergedError
from gan_zoo.evaluation.monitor import HealthMonitor
from gan_zoo.evaluation.result import EvalResult
from gan_zoo.metrics.metric_info import higher_is_better
from gan_zoo.schema import ConfigError

log = logging.getLogger(__name__)


class PeriodicEvaluation:
    """Evaluates one run, updates its health, and keeps its best checkpoint.

    Args:
        health_monitor: of the run; dataset: the dataset's settings.
        folder: where best.pt is kept.
        evaluator: of the same dataset and settings; None to make one.

    Attributes:
        facts: what a summary records of the last evaluation, without the best checkpoint.
        tags: of the metrics that it computes, the primary metric first.

    Raises ConfigError for settings that do not suit the dataset.
    """

    def __init__(
        self,
        health_monitor: HealthMonitor,
        dataset: Any,
        settings: Evaluation,
        folder: Path,
        evaluator: Evaluator | None = None,
    ):
        self.health_monitor, self.facts = health_monitor, {}
        classifies = health_monitor.trainer.gan.ema_critic is not None
        try:
            given = (dataset, health_monitor.samples, settings, health_monitor.device)
            self.evaluator = evaluator or Evaluator(*given)
            self.tags = self.evaluator.tags(classifies)
            tag = monitored_tag(settings.monitor, self.tags)
        except ConfigError as error:
            named = error.key in ("metrics", "monitor")
            raise error.under("evaluation" if named else "") from None
        measured = {"num_samples": settings.num_samples, "seed": settings.seed}
        measured["dataset_fingerprint"] = dataset.fingerprint
        step = health_monitor.trainer.step
        self.best = BestCheckpoint(folder, tag, step, measured) if tag else None

    def evaluate(self) -> EvalResult:
        """Evaluate the run now. Raises DivergedError for samples that are not finite."""
        trainer, health = self.health_monitor.trainer, self.health_monitor.health
        gan = trainer.gan
        classifier = gan.ema_critic and gan.ema_critic.network
        try:
            result = self.evaluator.evaluate(
                gan.ema.network, gan.critic, classifier, self.health_monitor.loss
            )
        except DivergedError as reason:
            raise health.diverge(trainer.step, reason) from None
        given = (result.numbers, result.yardsticks, result.real_share)
        health.read_metrics(trainer.step, *given)
        for tag in result.telling_tags():
            value, yardstick = result.numbers[tag], result.yardsticks[tag]
            log.info("step %s: %s %.4g, %s", trainer.step, tag, value, yardstick.sentence(value))
        return result

    def update(self, result: EvalResult, content: Callable[[], dict[str, Any]]) -> None:
        """Save a checkpoint of `content()` as best.pt if this result is the best so far."""
        self.facts = {"protocol": result.protocols, "yardstick": result.plain_yardsticks()}
        if self.best is not None:
            value = result.numbers[self.best.metric]
            self.best.update(self.health_monitor.trainer.step, value, content)

    def summary(self) -> dict[str, Any]:
        """Return what a summary records of the last evaluation; nothing without one."""
        best = {"best": self.best.record} if self.facts and self.best else {}
        return {**self.facts, **best}


def periodic_evaluation(
    health_monitor: HealthMonitor,
    dataset: Any,
    settings: Any,
    folder: Path,
    evaluator: Evaluator | None = None,
) -> PeriodicEvaluation | None:
    """Make the evaluation of a run with these `RunConfig` settings; None if it evaluates nothing.

    evaluator: of the same dataset and settings; None to make one.
    Raises ConfigError for settings that do not suit the dataset.
    """
    if not settings.evaluate_every:
        return None
    if not dataset.has_test():
        log.warning("%-12s nothing is evaluated: the dataset holds no test samples", "evaluation")
        return None
    given = (health_monitor, dataset, settings.evaluation, folder, evaluator)
    evaluation = PeriodicEvaluation(*given)
    return evaluation if evaluation.evaluator.names else None


class BestCheckpoint:
    """Keeps FOLDER/best.pt, the best checkpoint by a metric that has a direction.

    Args:
        step: of the run; the record of a later one, from which it was resumed, does not count.
        measured: what values depend on, by name; those of a record that differs do not compare.

    Attributes:
        record: metric, value and step of the best checkpoint, and what its value depends on; empty
            while there is none.
    """

    def __init__(
        self,
        folder: Path,
        metric: str,
        step: float = math.inf,
        measured: Mapping[str, Any] | None = None,
    ):
        self.path, self.metric = folder / "best.pt", metric
        self.measured = {"metric": metric, **(measured or {})}
        self.sign = -1 if higher_is_better(metric) else 1
        self.record: dict[str, Any] = {}
        if self.path.exists():
            self._restore(step)

    def _restore(self, step: float) -> None:
        """Read the record of an existing checkpoint if it is valid and measured alike."""
        try:
            record = checkpoints.read(self.path).get("best")
        except ConfigError as error:  # resuming the run does not need it
            log.warning("%s; the next best checkpoint replaces it", error)
            return
        if not isinstance(record, dict) or record.get("step", 0) > step:
            return
        found = {key: record.get(key) for key in self.measured}
        if found == self.measured:
            self.record = record
            return
        other = ", ".join(f"{k}={v}" for k, v in found.items() if v != self.measured[k])
        log.info("%s: measured with %s; the next evaluation replaces it", self.path, other)

    def update(self, step: int, value: float, content: Callable[[], dict[str, Any]]) -> bool:
        """Save a checkpoint if its value is the best so far. Returns whether it was saved."""
        best = self.record.get("value", math.inf * self.sign)
        if not self.sign * value < self.sign * best:
            return False
        record = {**self.measured, "value": value, "step": step}
        if checkpoints.try_save(self.path, {**content(), "best": record}):
            return False
        self.record = record
        return True
