"""The title of a report, and what was trained: data, date, length, budget and runs."""

import datetime
import math
from collections.abc import Iterable

from gan_zoo.report.comparison import Comparison
from gan_zoo.report.data_names import dataset_of
from gan_zoo.report.number_format import counted, duration
from gan_zoo.report.runs import Run


def title(comparison: Comparison) -> str:
    """Name the factors and the metric."""
    factors = " and ".join(comparison.factor_set.factors) or "One configuration"
    return f"{factors}, by {comparison.metric}" if comparison.metric else factors


def subtitle(comparison: Comparison) -> str:
    """Count runs and configurations, and list the seeds, in one line."""
    seeds = {str(each.run.seed) for each in comparison.statuses}
    parts = [
        counted(len(comparison.statuses), "run"),
        counted(len(comparison.configurations), "configuration"),
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(sorted(seeds, key=seed_order))}",
    ]
    return " · ".join(parts)


def seed_order(seed: str) -> tuple[int, str]:
    """Sort seeds by number although they are text."""
    return len(seed), seed


def facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Return names and values of what a reader asks first; without those that are unknown."""
    runs = [each.run for each in comparison.statuses]
    rows = [
        ("dataset", ", ".join(dict.fromkeys(map(dataset_of, runs)))),
        ("date", _dates(runs)),
        ("length", _length(runs)),
        ("budget", _budget(runs)),
        ("runs", subtitle(comparison)),
    ]
    return [(name, value) for name, value in rows if value]


def _dates(runs: Iterable[Run]) -> str:
    """Return the day on which the runs began, or the first and the last one."""
    times = [time for run in runs if (time := run.started) is not None]
    days = [datetime.datetime.fromtimestamp(time).date() for time in times]
    return _range(min(days).isoformat(), max(days).isoformat()) if days else ""


def _length(runs: Iterable[Run]) -> str:
    steps = _amounts([run.steps for run in runs if run.steps])
    batches = _amounts([b for run in runs if isinstance(b := run.settings.get("batch_size"), int)])
    updates = f"{steps} generator updates" if steps else ""
    return ", ".join(filter(None, [updates, f"batches of {batches}" if batches else ""]))


def _budget(runs: Iterable[Run]) -> str:
    """Return real images and time of a run, and the time of all."""
    images = _amounts([run.images_seen for run in runs if math.isfinite(run.images_seen)])
    seconds = [run.seconds for run in runs if math.isfinite(run.seconds)]
    parts = [f"{images} real images per run"] if images else []
    if seconds:
        each = _range(duration(min(seconds)), duration(max(seconds)))
        parts.append(f"{each} of training each, {duration(sum(seconds))} in all")
    return ", ".join(parts)


def _amounts(amounts: list[float]) -> str:
    return _range(f"{min(amounts):,.0f}", f"{max(amounts):,.0f}") if amounts else ""


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"
