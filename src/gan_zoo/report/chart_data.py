"""The numbers of the page's chart, in which a reader chooses the metric: curves and last values."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration
from gan_zoo.report.curve_figures import common_values, is_logarithmic, plotted_runs
from gan_zoo.report.figure_style import all_equal, line_styles, shown_configurations
from gan_zoo.report.metric_choice import lower_is_better

_NUMBERS = 80_000  # of all curves of a page: about 600 kB
_POINTS = 200  # of a curve at most
_FEWEST = 20
_GROUPS = ("metric", "loss", "score", "grad_norm")  # tags of these are first


def charts(comparison: Comparison) -> list[dict[str, Any]]:
    """Return for each dataset the lines' styles, and curves and last values of every tag.

    Tags whose values are all equal are omitted. Numbers have four digits; None stands for nan and
    infinity, which JSON lacks.
    """
    groups = comparison.datasets.values()
    parts = [dataclasses.replace(comparison, configurations=tuple(group)) for group in groups]
    return [_chart(part, _NUMBERS // len(parts)) for part in parts]


def _chart(comparison: Comparison, numbers: int) -> dict[str, Any]:
    shown, styles = shown_configurations(comparison), line_styles(comparison)
    tags = _tags(comparison, shown)
    points = numbers // (3 * max(1, len(tags) * len(shown)))
    points = max(_FEWEST, min(_POINTS, points))
    found = (_tag_data(shown, tag, points) for tag in tags)
    return {
        "dataset": shown[0].dataset if shown else "",
        "lines": [
            {"label": each.label, "baseline": each.is_baseline, **styles[each.label]._asdict()}
            for each in shown
        ],
        "tags": [data for data in found if data],
    }


def _tags(comparison: Comparison, shown: Sequence[Configuration]) -> list[str]:
    """List the tags of all configurations: the report's metric, other metrics, the rest."""
    tags = {tag for each in shown for run in plotted_runs(each) for tag in run.metrics}
    tags = {tag for tag in tags if not tag.startswith("progress/")}
    main = comparison.metric.tag_in(sorted(tags)) if comparison.metric else ""

    def order(tag: str) -> tuple[bool, int, str]:
        group = tag.partition("/")[0]
        rank = _GROUPS.index(group) if group in _GROUPS else len(_GROUPS)
        return (tag != main, rank, tag)

    return sorted(tags, key=order)


def _tag_data(shown: Sequence[Configuration], tag: str, points: int) -> dict[str, Any] | None:
    """Return a tag's direction, curves and last values by configuration; None if all are equal."""
    curves = [common_values(plotted_runs(each), tag) for each in shown]
    last = [[run.metrics.get(tag, math.nan) for run in plotted_runs(each)] for each in shown]
    everything = np.concatenate([*(values.ravel() for _, values in curves), *map(np.array, last)])
    if all_equal(everything):
        return None
    lower = lower_is_better(tag)
    return {
        "tag": tag,
        "better": "" if lower is None else "lower" if lower else "higher",
        "log": is_logarithmic(tag, everything),
        "curves": [_curve(steps, values, points) for steps, values in curves],
        "last": [_extent(np.array(values)[:, None]) for values in last],
    }


def _curve(steps: np.ndarray, values: np.ndarray, points: int) -> dict[str, list] | None:
    """Return mean, lowest and highest over seeds at some of the steps, the first and last too."""
    if len(steps) < 2:
        return None
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(points, len(steps))).round().astype(int))
    return {"steps": steps[chosen].tolist(), **_extent(values[:, chosen])}


def _extent(values: np.ndarray) -> dict[str, Any]:
    """Return mean, lowest and highest of each column of values (seeds, n), and the seeds."""
    if len(values) < 2:
        return {"mean": _numbers(values.mean(axis=0)), "seeds": len(values)}
    return {
        "mean": _numbers(values.mean(axis=0)),
        "low": _numbers(values.min(axis=0)),
        "high": _numbers(values.max(axis=0)),
        "seeds": len(values),
    }


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values]
