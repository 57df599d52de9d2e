"""Rows of a study's CSV file in groups, and statistics over the seeds of a group."""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from gan_zoo.evaluation.health import HEALTHY
from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.report.possible_values import clipped
from gan_zoo.report.result_rows import Row, command_settings
from gan_zoo.report.stats import LEVEL, Interval, holm, paired_difference, student_interval

STATUSES = (HEALTHY, "collapsed")  # counted as metrics: runs whose health begins with the word
_PLAIN = ("part", "loss", "dataset", "architecture", "regularizer", "optimizer")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One number of the runs that differ only in their seed.

    Attributes:
        values: by seed; a run that has none, or that did not reach its end, is missing.
        runs: their number, with or without a value.
        limits: the least and the largest possible value.
    """

    values: Mapping[str, float]
    runs: int
    limits: Interval

    @property
    def mean(self) -> float:
        """Over the seeds that have a value; nan without any."""
        return float(np.mean(list(self.values.values()))) if self.values else math.nan

    @property
    def half_width(self) -> float | None:
        """Half of the 95 % interval of the mean by Student's t; None where it is unknown."""
        found = student_interval(list(self.values.values()))
        return (found.high - found.low) / 2 if found else None

    @property
    def interval(self) -> Interval | None:
        """The possible part of that interval."""
        return clipped(student_interval(list(self.values.values())), self.limits)


def grouped(rows: Sequence[Row], keys: Sequence[str]) -> dict[str, list[Row]]:
    """Return rows by the text of their values of some keys, numbers in order, others as given."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(label(row, keys), []).append(row)
    if len(keys) == 1 and all(is_number(group[0].get(keys[0], "")) for group in found.values()):
        return dict(sorted(found.items(), key=lambda item: float(item[1][0][keys[0]])))
    return found


def label(row: Row, keys: Sequence[str]) -> str:
    """Return the values of some keys as text, such as "glsgan, slope 0.5"."""
    named = [(key, row.get(key, "")) for key in keys]
    plain = len(keys) == 1
    texts = [v if plain or key in _PLAIN else f"{_short(key)} {v}" for key, v in named if v]
    return ", ".join(texts)


def _short(key: str) -> str:
    """Return the last part of a key, with the network of which it is a setting."""
    network = re.fullmatch(r"\w+\.(generator|critic)\.(\w+)", key)
    return f"{network[1]} {network[2]}" if network else key.rpartition(".")[2]


def is_number(text: str) -> bool:
    """Return whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def cell(rows: Sequence[Row], metric: str) -> Cell:
    """Return the values of a metric in rows of different seeds, shares in per cent."""
    if metric in STATUSES:
        values = {row["seed"]: float(row["health"].startswith(metric)) for row in rows}
        return Cell(values, len(rows), Interval(0, 1))
    found = {row["seed"]: row.get(metric, "") for row in rows if reached_end(row)}
    scale, high = (100, 100.0) if is_share(metric) else (1, math.inf)
    numbers = {seed: scale * float(text) for seed, text in found.items() if is_number(text)}
    return Cell(numbers, len(rows), Interval(0.0 if _is_positive(metric) else -math.inf, high))


def reached_end(row: Row) -> bool:
    """Return whether a run made all its steps: the last values of others are not those of its end.

    One that diverged at its last step did not.
    """
    if row.get("health", "").startswith(("diverged", "failed")):
        return False
    made, planned = row.get("steps", ""), command_settings(row.get("command", "")).get("steps", "")
    return not (is_number(made) and is_number(planned)) or float(made) >= float(planned)


def is_share(metric: str) -> bool:
    """Return whether a column holds shares, from 0 to 1."""
    found = find_metric(f"metric/{metric}")
    return metric.startswith("margin/") or bool(found and found.unit == "share")


def _is_positive(metric: str) -> bool:
    return not metric.startswith("score/")


def higher_is_better(metric: str) -> bool | None:
    """Return a column's direction; None where it has none."""
    if metric in STATUSES:
        return None  # counted, not ranked
    found = find_metric(f"metric/{metric}")
    return found.higher_is_better if found else None


def winner(cells: Mapping[str, Cell], metric: str) -> str | None:
    """Return the group whose mean is better than those of all others, None if that is uncertain.

    By paired t tests over common seeds with Holm's correction, at 5 %.
    """
    better = higher_is_better(metric)
    ranked = {name: each for name, each in cells.items() if len(each.values) > 1}
    if better is None or len(ranked) < 2 or len(ranked) < len(cells):
        return None
    best = (max if better else min)(ranked, key=lambda name: ranked[name].mean)
    others = [each for name, each in ranked.items() if name != best]
    pairs = [paired_difference(ranked[best].values, each.values) for each in others]
    ps = [
        1.0 if pair is None or pair.p is None or (pair.mean > 0) != better else pair.p
        for pair in pairs  # by common seeds alone the best may be worse
    ]
    return best if max(holm(ps)) < LEVEL else None
