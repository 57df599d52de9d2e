"""The range that a metric's values cannot leave, at which intervals are clipped."""

import math
from collections.abc import Mapping, Sequence

from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.report.runs import Run
from gan_zoo.report.stats import Interval

_UNLIMITED = Interval(-math.inf, math.inf)


def possible_values(tag: str, runs: Sequence[Run]) -> Interval:
    """Return the least and the largest possible value of a tag; infinite where unlimited.

    Counts end at the number of modes or classes of the runs' data. An estimate that may be
    negative, as that of MMD^2, has no limits.
    """
    metric = find_metric(tag)
    if metric is None or metric.higher_is_better is None or metric.unit == "MMD^2":
        return _UNLIMITED
    if metric.unit == "share":
        return Interval(0.0, 1.0)
    counts = [_largest_count(metric.name, run) for run in runs]
    return Interval(0.0, float(max(counts)) if counts and min(counts) else math.inf)


def clipped(interval: Interval | None, limits: Interval) -> Interval | None:
    """Return the part of an interval that is possible."""
    if interval is None:
        return None
    return Interval(max(interval.low, limits.low), min(interval.high, limits.high))


def _largest_count(name: str, run: Run) -> int:
    """Return how many modes or classes there are to be counted; 0 where that is unknown."""
    if name == "modes":
        modes, side = run.settings.get("dataset.modes"), run.settings.get("dataset.side")
        return modes if isinstance(modes, int) else side**2 if isinstance(side, int) else 0
    classes = (run.summary or {}).get("classes") if name == "classes_covered" else None
    return len(classes) if isinstance(classes, Mapping) else 0
