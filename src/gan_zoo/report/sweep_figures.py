"""Figures over the swept settings: intervals per configuration, a curve, a heat map."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration
from gan_zoo.report.factors import format_value
from gan_zoo.report.figure_style import (
    BLUE,
    GRAY,
    ORANGE,
    SHOWN,
    clip_limits,
    legend,
    line_style,
    new_figure,
    plain_numbers,
    top_configurations,
)

_HEAT_CELLS = 400


def intervals(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot mean, interval and every seed, one row per configuration, best first."""
    metric, rows = comparison.metric, top_configurations(comparison)
    if metric is None or len(rows) < 2:
        return None
    figure, axes = new_figure(height=1.2 + 0.36 * len(rows))
    for y, each in enumerate(reversed(rows)):
        axes.plot(list(each.scores.values()), [y] * len(each.scores), "|", ms=9, c=GRAY, zorder=3)
        _whisker(axes, each, y, ORANGE if each.is_baseline else BLUE)
    axes.set_yticks(range(len(rows)), [each.label for each in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(str(metric))
    clip_limits(axes.set_xlim, rows)
    return figure, interval_caption(rows)


def sweep(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot the metric against a swept number, a line for each value of the other factors."""
    key = next((key for key in comparison.factor_set.factors if _numeric(comparison, key)), None)
    if comparison.metric is None or key is None:
        return None
    lines: dict[str, list[Configuration]] = {}
    for each in comparison.configurations:
        if each.scores and _is_number(each.factors[key]):
            others = {k: v for k, v in each.factors.items() if k != key}
            name = ", ".join(f"{k}={format_value(v)}" for k, v in others.items())
            lines.setdefault(name, []).append(each)
    if not lines:
        return None
    figure, axes = new_figure()
    for i, (name, points) in enumerate(list(lines.items())[:SHOWN]):
        _slope_line(axes, name, sorted(points, key=lambda each: each.factors[key]), key, i)
    places = [each.factors[key] for points in lines.values() for each in points]
    if min(places) > 0 and max(places) >= 100 * min(places):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(plain_numbers)
    axes.set_xlabel(key)
    axes.set_title(str(comparison.metric), loc="left", fontsize=10)
    clip_limits(axes.set_ylim, [each for points in lines.values() for each in points])
    legend(axes)
    marks = "points: means; vertical lines: 95 % intervals; short dashes: single seeds"
    return figure, f"{comparison.metric.tag} against {key}; {marks}."


def heat_map(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot the means over two swept settings."""
    if comparison.metric is None or len(comparison.factor_set.factors) != 2:
        return None
    rows, columns = (_values(comparison, key) for key in comparison.factor_set.factors)
    if min(len(rows), len(columns)) < 2 or len(rows) * len(columns) > _HEAT_CELLS:
        return None
    down, across = comparison.factor_set.factors
    grid = np.full((len(rows), len(columns)), math.nan)
    for each in comparison.configurations:
        row = rows.index(format_value(each.factors[down]))
        column = columns.index(format_value(each.factors[across]))
        grid[row, column] = math.nan if each.mean is None else each.mean
    figure, axes = new_figure(height=1.6 + 0.45 * len(rows))
    axes.grid(False)
    colors = "viridis_r" if comparison.metric.lower_is_better else "viridis"
    picture = axes.imshow(np.ma.masked_invalid(grid), aspect="auto", cmap=colors)
    for (i, j), value in np.ndenumerate(grid):
        if math.isnan(value):
            continue
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1}
        axes.text(j, i, f"{value:.3g}", ha="center", va="center", fontsize=7, bbox=box)
    axes.set_xticks(range(len(columns)), columns, rotation=45 * (len(columns) > 6))
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(across)
    axes.set_ylabel(down)
    figure.colorbar(picture, label=comparison.metric.tag)
    return figure, "Means over seeds; dark is worse."


def interval_caption(rows: Sequence[Configuration]) -> str:
    """Describe the marks of means, intervals, seeds and of baselines if any are among the rows."""
    baselines = sum(each.is_baseline for each in rows)
    orange = f"; orange: the {'baseline' if baselines == 1 else 'baselines'}" if baselines else ""
    return f"Points: means; lines: 95 % intervals; gray ticks: single seeds{orange}."


def _whisker(axes: Axes, each: Configuration, y: float, color: str) -> None:
    axes.plot([each.mean], [y], "o", c=color)
    if each.interval:
        axes.plot([each.interval.low, each.interval.high], [y, y], c=color, lw=1.6)


def _slope_line(axes: Axes, name: str, points: Sequence[Configuration], key: str, i: int) -> None:
    color, style = line_style(i)
    places = [each.factors[key] for each in points]
    axes.plot(places, [each.mean for each in points], f"o{style}", c=color, label=name or None)
    for each, x in zip(points, places, strict=True):
        axes.plot([x] * len(each.scores), list(each.scores.values()), "_", c=color, alpha=0.6)
        if each.interval:
            axes.plot([x, x], [each.interval.low, each.interval.high], c=color, lw=1.2)


def _values(comparison: Comparison, key: str) -> list[str]:
    """List a factor's values: numbers in their order, others in that of the sweep."""
    found = {
        format_value(each.factors[key]): each.factors[key] for each in comparison.configurations
    }
    if all(_is_number(value) for value in found.values()):
        return sorted(found, key=lambda name: found[name])
    return list(found)


def _numeric(comparison: Comparison, key: str) -> bool:
    values = [each.factors[key] for each in comparison.configurations]
    return len({value for value in values if _is_number(value)}) >= 3


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
