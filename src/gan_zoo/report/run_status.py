"""What became of each run: its value for the comparison, or why it has none."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from gan_zoo.evaluation.health import LEAST_QUALITY
from gan_zoo.report.metric_info import Metric
from gan_zoo.report.runs import Run

_SOUND = "healthy"
_UNLEARNED = "nothing learned"
_MODES = "metric/modes"


@dataclasses.dataclass(frozen=True)
class RunStatus:
    """One run in the comparison.

    Attributes:
        value: of the metric at the run's end; None where it cannot be compared.
        failure: how it collapsed, diverged or learned nothing; empty where it did not.
        exclusion: why it is no part of the statistics though it did not fail; empty where it is.
    """

    run: Run
    value: float | None
    failure: str
    exclusion: str

    @property
    def ended(self) -> bool:
        """Whether it counts as a trial of its configuration: it came to its end, good or bad."""
        return bool(self.failure) or not self.exclusion

    @property
    def kind(self) -> str:
        """The failure without its step and numbers, such as "collapsed"."""
        return re.split(r" at step| by step| since step| \(|:", self.failure)[0]


def run_status(run: Run, metric: Metric | None) -> RunStatus:
    """What became of a run.

    One that collapsed but came to its end keeps its value: leaving it out would flatter its
    configuration. One that stopped early has no value at its end.
    """
    failure, gap = _failure(run, metric), _gap(run)
    if not gap:
        failure = failure or _unlearned(run)
    value = run.metrics.get(metric.tag) if metric else None
    if failure and gap:
        return RunStatus(run, None, failure, "")
    if metric and value is None and not gap:
        gap = f"has no {metric.tag}"
    usable = value is not None and math.isfinite(value) and not gap
    return RunStatus(run, value if usable else None, failure, gap)


def _failure(run: Run, metric: Metric | None) -> str:
    verdict = _verdict(run.summary or {})
    if verdict and not verdict.startswith((_SOUND, _UNLEARNED)):  # the latter as the metrics say
        return verdict
    watched = [tag for tag in run.metrics if tag.startswith("loss/")]
    if metric and metric.tag in run.metrics:
        watched.append(metric.tag)
    unsound = [tag for tag in watched if not math.isfinite(run.metrics[tag])]
    return f"diverged: last {', '.join(unsound)} not finite" if unsound else ""


def _unlearned(run: Run) -> str:
    """What says that nothing was learned, whatever the run said of its own health."""
    if run.metrics.get(_MODES) == 0:
        return f"no mode captured: {_MODES} is 0"
    low = [
        f"{tag} is {value:.3g}"
        for tag, value in run.metrics.items()
        if any(tag.startswith(name) and value < least for name, least in LEAST_QUALITY.items())
    ]
    return f"hardly a sample looks real: {', '.join(low)}" if low else ""


def _verdict(summary: Mapping[str, Any]) -> str:
    health = summary.get("health")
    if isinstance(health, Mapping):
        health = health.get("verdict")
    return str(health) if health else ""


def _gap(run: Run) -> str:
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
