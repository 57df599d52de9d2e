"""The status of each run: its value for the comparison, or why it has none."""

import dataclasses
import math
import re
from collections.abc import Sequence

from gan_zoo.evaluation.health import HEALTHY, in_one_class, look_real, low_quality
from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.runs import Run

_UNLEARNED = "nothing learned"  # checked here again: an evaluation after training may differ
_DIVERGED = "diverged"
_DISTANCES = ("squared feature units", "MMD^2", "sample units")  # units of metrics
_MODES = "metric/modes"


@dataclasses.dataclass(frozen=True)
class RunStatus:
    """One run in the comparison.

    Attributes:
        value: of the metric at the run's end; None where it cannot be compared.
        failure: how it collapsed, diverged or learned nothing; empty where it did not.
        exclusion: why it is not in the statistics though it did not fail; empty where it is.
    """

    run: Run
    value: float | None
    failure: str
    exclusion: str

    @property
    def ended(self) -> bool:
        """Whether it finished, successfully or not, and so counts for its configuration."""
        return bool(self.failure) or not self.exclusion

    @property
    def kind(self) -> str:
        """The failure without its step and numbers, such as "collapsed"."""
        return re.split(r" at step| by step| since step| \(|:", self.failure)[0]


def run_status(run: Run, metric: Metric | None) -> RunStatus:
    """Determine a run's status.

    A run that collapsed but finished keeps its value: excluding it would bias its configuration.
    One that stopped early has no value at its end, nor has one that diverged at its last step: what
    it has was measured before.
    """
    failure, exclusion = _failure(run), _exclusion(run)
    if not exclusion:
        failure = failure or _unlearned(run)
    tag = metric.tag_in(run.metrics) if metric else ""
    if metric and _shows_divergence(tag):
        failure = failure or _not_finite(run, [tag])
    value = run.metrics.get(tag)
    if failure and (exclusion or failure.startswith(_DIVERGED)):
        return RunStatus(run, None, failure, "")
    finite = value is not None and math.isfinite(value)
    if metric and not finite and not exclusion and not failure:
        exclusion = f"has no {'' if value is None else 'finite '}{tag}"
    return RunStatus(run, value if finite and not exclusion else None, failure, exclusion)


def _failure(run: Run) -> str:
    health = _health(run)
    if health and not health.startswith((HEALTHY, _UNLEARNED)):
        return health
    return _not_finite(run, [tag for tag in run.metrics if tag.startswith("loss/")])


def _health(run: Run) -> str:
    return str((run.summary or {}).get("health") or "")


def _not_finite(run: Run, tags: Sequence[str]) -> str:
    not_finite = [tag for tag in tags if not math.isfinite(run.metrics.get(tag, 0.0))]
    return f"{_DIVERGED}: last {', '.join(not_finite)} not finite" if not_finite else ""


def _shows_divergence(tag: str) -> bool:
    """Return whether a value that is not finite means that samples are not.

    Distances are finite for all finite samples. Other metrics may be infinite or undefined for the
    samples of a healthy run, as a divergence from classes that no real sample has.
    """
    metric = find_metric(tag)
    return metric.unit in _DISTANCES if metric else not tag.startswith("metric/")


def _unlearned(run: Run) -> str:
    """Describe why nothing was learned, by the last metrics; empty where something was."""
    if run.metrics.get(_MODES) == 0:
        return f"no mode captured: {_MODES} is 0"
    found = low_quality(run.metrics, run.yardstick)
    low = [f"{tag} is {value:.3g}" for tag, value in found.items()]
    if low:
        return f"hardly any sample looks real: {', '.join(low)}"
    # training knew the share of real samples in one class
    of_one_class = in_one_class(run.metrics) and _health(run).startswith(_UNLEARNED)
    if of_one_class and not look_real(run.metrics):
        return "hardly any sample looks real: nearly all are of one mode or class"
    return ""


def _exclusion(run: Run) -> str:
    if run.failed:
        return f"failed: {run.failed}"
    if run.curves.cut_off:
        return f"metrics.jsonl ends in the middle of a line, after step {run.curves.step}"
    if run.summary is None:
        planned = f" of {run.steps}" if run.steps else ""
        return f"unfinished: at step {run.curves.step}{planned}"
    ended = run.summary.get("steps")
    if isinstance(ended, int) and ended < run.steps:
        return f"ended at step {ended} of {run.steps}"
    return ""


def ranked(statuses: Sequence[RunStatus], metric: Metric | None) -> list[RunStatus]:
    """Sort runs best first, those without a value last; as they are without a metric."""
    if metric is None:
        return list(statuses)
    sign = 1 if metric.lower_is_better else -1
    return sorted(statuses, key=lambda s: math.inf if s.value is None else sign * s.value)
