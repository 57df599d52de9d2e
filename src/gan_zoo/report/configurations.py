"""Configurations: runs that differ by their seed alone, with statistics over the seeds."""

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gan_zoo.report.factors import ABSENT, canonical, format_value
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.number_format import counted, rounding
from gan_zoo.report.possible_values import clipped, possible_values
from gan_zoo.report.run_status import RunStatus
from gan_zoo.report.runs import Run
from gan_zoo.report.stats import (
    LEVEL,
    Difference,
    Interval,
    bootstrap_interval,
    rate_interval,
    student_interval,
)


@dataclasses.dataclass(frozen=True)
class Configuration:
    """Runs that differ by their seed alone.

    Attributes:
        label: the factors and their values, such as "loss=gan, steps=300".
        factors: the factors' values.
        dataset: only configurations of the same dataset are compared; where its runs used different
            data or several protocols for the metric, it includes what differs.
        statuses: of all its runs; of a repeated seed, the last run's only.
        scores: the metric by seed, of the runs that have it.
        interval: 95 % interval of the mean by Student's t, clipped to possible values.
        bootstrap: 95 % interval of the mean by the percentile bootstrap.
        baseline: label of the configuration that it is compared with; empty if there is none.
        is_baseline: whether others are compared with it.
        difference: from the baseline, by seed.
        p_holm: p of the difference, corrected for all comparisons.
        p_best: probability of the best mean among those of its dataset that have two seeds or more.
    """

    label: str
    factors: Mapping[str, Any]
    dataset: str
    statuses: tuple[RunStatus, ...]
    scores: Mapping[str, float]
    interval: Interval | None = None
    bootstrap: Interval | None = None
    baseline: str = ""
    is_baseline: bool = False
    difference: Difference | None = None
    p_holm: float | None = None
    p_best: float | None = None

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.scores.values()) if self.scores else None

    @property
    def runs(self) -> list[Run]:
        """Runs that ended."""
        return [each.run for each in self.statuses if each.ended]

    @property
    def complete_runs(self) -> list[Run]:
        """Runs that ended and did not diverge, which stops training early."""
        return [s.run for s in self.statuses if s.ended and s.kind != "diverged"]

    @property
    def failures(self) -> int:
        return sum(bool(each.failure) for each in self.statuses)

    @property
    def failure_rate(self) -> Interval | None:
        return rate_interval(self.failures, len(self.runs))

    @property
    def is_significant(self) -> bool:
        """Whether it differs from its baseline at the corrected level of 5 %."""
        return self.p_holm is not None and self.p_holm < LEVEL

    def mean_over_runs(self, quantity: Callable[[Run], float]) -> float | None:
        """Return the mean of a quantity over the complete runs; None without one."""
        return statistics.fmean(map(quantity, self.complete_runs)) if self.complete_runs else None


def summarize(
    statuses: Sequence[RunStatus], dataset: str, keys: Sequence[str], metric: Metric | None
) -> Configuration:
    """Make the configuration of runs that differ by their seed alone; keys: the factors."""
    settings = statuses[0].run.keys
    factors = {key: settings.get(key, ABSENT) for key in keys}
    label = ", ".join(f"{key}={format_value(value)}" for key, value in factors.items())
    scores = {canonical(each.run.seed): each.value for each in statuses if each.value is not None}
    values = list(scores.values())
    limits = possible_values(metric.tag if metric else "", [each.run for each in statuses])
    return Configuration(
        label=label or "all runs",
        factors=factors,
        dataset=dataset,
        statuses=tuple(statuses),
        scores=scores,
        interval=clipped(student_interval(values), limits),
        bootstrap=bootstrap_interval(values),
    )


def best_first(configurations: Sequence[Configuration], metric: Metric) -> list[Configuration]:
    """Sort configurations by their means; all of them must have one."""
    sign = 1 if metric.lower_is_better else -1
    return sorted(configurations, key=lambda each: sign * (each.mean or 0.0))


def in_order(peers: Sequence[Configuration], metric: Metric | None) -> list[Configuration]:
    """Sort best first, those without a value last; in sweep order without a metric."""
    valued = [each for each in peers if each.scores and metric]
    ordered = best_first(valued, metric) if metric else valued
    return [*ordered, *(each for each in peers if each not in ordered)]


def mean_text(each: Configuration) -> str:
    """Format a mean over seeds with its interval."""
    ends = [each.interval.low, each.interval.high] if each.interval else []
    shown = rounding([each.mean, *ends], fewest=1)
    words = f"{shown(each.mean)} over {counted(len(each.scores), 'seed')}"
    return f"{words} (95 % interval {' to '.join(map(shown, ends))})" if ends else words
