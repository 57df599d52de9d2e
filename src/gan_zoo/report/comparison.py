"""Runs to a comparison: configurations, each with its statistics over seeds."""

import dataclasses
import statistics as plain
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gan_zoo.report.factors import ABSENT, Factors, canonical, find_factors, format_value, identity
from gan_zoo.report.metric_info import Metric
from gan_zoo.report.run_status import RunStatus, run_status
from gan_zoo.report.runs import Run, Unreadable
from gan_zoo.report.stats import (
    Difference,
    Interval,
    bootstrap_interval,
    holm,
    paired_difference,
    probability_best,
    rate_interval,
    student_interval,
)
from gan_zoo.schema import ConfigError


@dataclasses.dataclass(frozen=True)
class Configuration:
    """Runs that differ by nothing but their seed, and what can be said of them.

    Attributes:
        label: the factors' values in words, such as "loss=gan, steps=300".
        factors: the factors' values.
        dataset: only configurations of the same one are compared; where a dataset's runs measured
            the metric by several protocols, it says which one, too.
        statuses: of all its runs, a repeated seed's last one only.
        scores: the metric by seed, of the runs that have it.
        interval, bootstrap: of the mean, 95 %, by Student's t and by the percentile bootstrap.
        baseline: label of the configuration that it is compared with; empty if there is none.
        is_baseline: whether others are compared with it.
        difference: from the baseline, by seed; p_holm: its p, corrected for all comparisons.
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
        return plain.fmean(self.scores.values()) if self.scores else None

    @property
    def runs(self) -> list[Run]:
        """Those that came to their end."""
        return [each.run for each in self.statuses if each.ended]

    @property
    def failures(self) -> int:
        return sum(bool(each.failure) for each in self.statuses)

    @property
    def failure_rate(self) -> Interval | None:
        return rate_interval(self.failures, len(self.runs))

    def mean_over_runs(self, quantity: Callable[[Run], float]) -> float | None:
        """Mean of a quantity over the runs that came to their end."""
        return plain.fmean(map(quantity, self.runs)) if self.runs else None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Everything that a report shows.

    Attributes:
        repeated: runs whose configuration and seed another, later run has too.
    """

    metric: Metric | None
    factor_set: Factors
    configurations: tuple[Configuration, ...]
    repeated: tuple[Run, ...]
    unreadable: tuple[Unreadable, ...]

    @property
    def statuses(self) -> list[RunStatus]:
        return [each for group in self.configurations for each in group.statuses]

    @property
    def datasets(self) -> dict[str, list[Configuration]]:
        """Configurations by dataset, in sweep order."""
        found: dict[str, list[Configuration]] = {}
        for each in self.configurations:
            found.setdefault(each.dataset, []).append(each)
        return found


def compare(
    runs: Sequence[Run],
    unreadable: Sequence[Unreadable],
    metric: Metric | None,
    baseline: Mapping[str, str],
) -> Comparison:
    """Compare runs by a metric.

    baseline names factors and their values, as on the command line; where it is empty, the first
    configuration of each dataset is the baseline.

    Raises ConfigError where no configuration matches the baseline.
    """
    variation = find_factors(runs)
    kept: dict[tuple[str, str], Run] = {(identity(run), canonical(run.seed)): run for run in runs}
    statuses = [run_status(run, metric) for run in kept.values()]
    comparison_groups = _comparison_groups(statuses, metric)
    groups: dict[tuple[str, str], list[RunStatus]] = {}
    for (configuration, _), each, ground in zip(kept, statuses, comparison_groups, strict=True):
        groups.setdefault((configuration, ground), []).append(each)
    counted = {run.folder for run in kept.values()}
    found = [_configuration(group, ground, variation) for (_, ground), group in groups.items()]
    return Comparison(
        metric=metric,
        factor_set=variation,
        configurations=tuple(_ranked(_compared(found, baseline), metric)),
        repeated=tuple(run for run in runs if run.folder not in counted),
        unreadable=tuple(unreadable),
    )


def _comparison_groups(statuses: Sequence[RunStatus], metric: Metric | None) -> list[str]:
    """What each run can be compared on: its dataset, and the protocol where there are several.

    A run without a value goes with the protocol that most runs of its dataset have.
    """
    datasets = [dataset_of(each.run) for each in statuses]
    if metric is None:
        return datasets
    protocols = [each.run.protocol(metric.tag) for each in statuses]
    valued: dict[str, Counter[str]] = {}
    for each, dataset, protocol in zip(statuses, datasets, protocols, strict=True):
        if each.value is not None:
            valued.setdefault(dataset, Counter())[protocol or "protocol not stated"] += 1
    comparison_groups = []
    for each, dataset, protocol in zip(statuses, datasets, protocols, strict=True):
        known = valued.get(dataset, Counter())
        if len(known) > 1:
            measured = protocol or "protocol not stated"
            own = measured if each.value is not None else known.most_common(1)[0][0]
            dataset = f"{dataset}, {own}"
        comparison_groups.append(dataset)
    return comparison_groups


def dataset_of(run: Run) -> str:
    """What a run was trained on, in words."""
    return format_value(run.choices.get("dataset") or run.keys.get("dataset._target_", "data"))


def _configuration(statuses: Sequence[RunStatus], ground: str, variation: Factors) -> Configuration:
    keys = statuses[0].run.keys
    factors = {key: keys.get(key, ABSENT) for key in variation.factors}
    scores = {canonical(each.run.seed): each.value for each in statuses if each.value is not None}
    values = list(scores.values())
    return Configuration(
        label=", ".join(f"{key}={format_value(value)}" for key, value in factors.items())
        or "all runs",
        factors=factors,
        dataset=ground,
        statuses=tuple(statuses),
        scores=scores,
        interval=student_interval(values),
        bootstrap=bootstrap_interval(values),
    )


def _compared(found: Sequence[Configuration], baseline: Mapping[str, str]) -> list[Configuration]:
    """Each configuration with its difference from its baseline, p corrected over all of them."""
    _check(found, baseline)
    pairs = [(each, _baseline_of(each, found, baseline)) for each in found]
    differences = [
        paired_difference(each.scores, other.scores) if other else None for each, other in pairs
    ]
    ps = [d.p if d else None for d in differences]
    corrected = iter(holm([p for p in ps if p is not None]))
    baselines = [other for _, other in pairs if other]
    return [
        dataclasses.replace(
            each,
            baseline=other.label if other else "",
            is_baseline=any(each is other for other in baselines),
            difference=difference,
            p_holm=None if p is None else next(corrected),
        )
        for (each, other), difference, p in zip(pairs, differences, ps, strict=True)
    ]


def _check(found: Sequence[Configuration], baseline: Mapping[str, str]) -> None:
    for key, value in baseline.items():
        values = sorted({format_value(each.factors[key]) for each in found if key in each.factors})
        if value not in values:
            allowed = f"no configuration has that; it was {', '.join(values) or 'not varied'}"
            raise ConfigError(f"--baseline {key}", value, allowed)
    if baseline and not any(_matches(each, baseline) for each in found):
        words = ",".join(f"{key}={value}" for key, value in baseline.items())
        raise ConfigError("--baseline", words, "no configuration has all of that")


def _baseline_of(
    ours: Configuration, found: Sequence[Configuration], baseline: Mapping[str, str]
) -> Configuration | None:
    """What to compare with: of several that match, the one that is like ours in all else."""
    peers = [each for each in found if each.dataset == ours.dataset]
    matching = [each for each in peers if _matches(each, baseline)]
    if not baseline:
        matching = peers[:1]
    if ours in matching:
        return None
    alike = [each for each in matching if _like(each, ours, baseline)]
    return matching[0] if len(matching) == 1 else next(iter(alike), None)


def _matches(each: Configuration, baseline: Mapping[str, str]) -> bool:
    return all(format_value(each.factors.get(key)) == value for key, value in baseline.items())


def _like(a: Configuration, b: Configuration, apart: Mapping[str, str]) -> bool:
    return all(
        canonical(b.factors[key]) == canonical(v)
        for key, v in a.factors.items()
        if key not in apart
    )


def _ranked(found: Sequence[Configuration], metric: Metric | None) -> list[Configuration]:
    """Each configuration with its probability of being the best of its dataset."""
    if metric is None:
        return list(found)
    ranked = {}
    for dataset in dict.fromkeys(each.dataset for each in found):
        peers = [each for each in found if each.dataset == dataset and len(each.scores) > 1]
        shares = probability_best([each.scores for each in peers], metric.lower_is_better)
        ranked |= {each.label: share for each, share in zip(peers, shares or [], strict=False)}
    return [dataclasses.replace(each, p_best=ranked.get(each.label)) for each in found]
