"""What the trials of a search show, by loss and by regularizer, as markdown."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import numpy as np
from scipy.stats import rankdata

from gan_zoo.evaluation.health import HEALTHY
from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.number_format import rounding
from gan_zoo.report.result_rows import Row
from gan_zoo.report.stats import Interval
from gan_zoo.tuning.run_rows import no_value, primary_metric, value

_RESAMPLES = 4000


def format_trials(rows: Sequence[Row]) -> str:
    """Format tables of the best and the median trial of each loss, and of each regularizer."""
    metric = primary_metric(rows)
    if metric is None:
        return no_value(rows)
    # no column: a typed regularizer, which all trials have, is not drawn
    keys = [key for key in ("loss", "regularizer") if all(row.get(key) for row in rows)]
    return "\n\n".join(_table(rows, key, metric) for key in keys)


def metric_name(metric: Metric) -> str:
    """Return a metric's name, and which way it is better."""
    known = find_metric(metric.tag)
    better = "lower" if metric.lower_is_better else "higher"
    return f"`{known.name if known else metric.tag}` ({better} is better)"


def format_for(rows: Sequence[Row], metric: Metric) -> Callable[[float | None], str]:
    """Return the format of a metric's values in a table."""
    return rounding([value(row, metric) for row in rows], digits=3)


def median_ranks(trials: Mapping[str, Mapping[str, float]]) -> dict[str, Interval]:
    """Return 95 % intervals of each loss's rank by the median of its trials, 1 being the best.

    trials: a metric by the name of the trial, for each loss; lower is better. Bootstrap (Efron
    1979) over trials that all losses have: a trial has the same settings for all of them.
    """
    names = sorted(set.intersection(*(set(each) for each in trials.values())))
    if not names:
        return {}
    values = np.array([[each[name] for name in names] for each in trials.values()])
    chosen = np.random.default_rng(0).integers(len(names), size=(_RESAMPLES, len(names)))
    ranks = rankdata(np.median(values[:, chosen], axis=-1), axis=0)
    bounds = np.quantile(ranks, [0.025, 0.975], axis=1).T.tolist()
    return {loss: Interval(*each) for loss, each in zip(trials, bounds, strict=True)}


def _table(rows: Sequence[Row], key: str, metric: Metric) -> str:
    """Format a line for each value of a column, the best median first; diverged runs are last."""
    groups: dict[str, dict[str, float]] = {}
    for row in rows:
        trial = row["recipe"] if key == "loss" else f"{row['loss']} {row['recipe']}"
        groups.setdefault(row[key], {})[trial] = signed(row, metric)
    ranks = median_ranks(groups) if key == "loss" else {}
    show, sign = format_for(rows, metric), 1 if metric.lower_is_better else -1
    heads = [key, f"best {metric_name(metric)}", "median", *["its rank"] * bool(ranks)]
    lines = [f"| {' | '.join([*heads, 'healthy trials'])} |", "|---" * (len(heads) + 1) + "|"]
    for name in sorted(groups, key=lambda each: (median(groups[each].values()), each)):
        numbers = groups[name].values()
        healthy = sum(row["health"].startswith(HEALTHY) for row in rows if row[key] == name)
        best, middle = (
            "diverged" if number == math.inf else show(sign * number)
            for number in (min(numbers), median(numbers))
        )
        rank = f" {ranks[name].low:.0f} to {ranks[name].high:.0f} |" if ranks else ""
        lines.append(f"| `{name}` | {best} | {middle} |{rank} {healthy} of {len(numbers)} |")
    return "\n".join(lines)


def signed(row: Row, metric: Metric) -> float:
    """Return the metric of a run so that lower is better; infinity for one that diverged."""
    number = value(row, metric)
    if number is None:
        return math.inf
    return number if metric.lower_is_better else -number
