"""Figures over the swept settings: intervals per configuration, a curve, a heat map."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gan_zoo.printable import list_names
from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration
from gan_zoo.report.factors import canonical, format_value
from gan_zoo.report.figure_style import (
    GRAY,
    LETTERS,
    SHOWN,
    UPRIGHT_LETTERS,
    LineStyle,
    all_equal,
    choose_scale,
    clip_limits,
    draw_grid,
    legend,
    line_styles,
    new_figure,
    set_title,
    top_configurations,
    wrapped_text,
)
from gan_zoo.report.yardstick_axis import draw_yardstick

_HEAT_CELLS = 400
_DASHES = ("-", "--", ":", "-.")
_LABEL = 20  # letters in a line beside the axes
_SMALL = 0.01  # numbers below it are long


def intervals(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot mean, interval and every seed, one row per configuration, best first."""
    metric, rows = comparison.metric, top_configurations(comparison)
    values = _scores(rows)
    if metric is None or len(rows) < 2 or all_equal(values):
        return None
    styles, labels = line_styles(comparison), [wrapped_text(each.label, _LABEL) for each in rows]
    lines = sum(1.2 + label.count("\n") for label in labels)
    figure, axes = new_figure(height=1.2 + 0.22 * lines)
    choose_scale(axes, "x", values)
    for y, each in enumerate(reversed(rows)):
        axes.plot(list(each.scores.values()), [y] * len(each.scores), "|", ms=9, c=GRAY, zorder=3)
        _whisker(axes, each, y, styles[each.label])
    axes.set_yticks(range(len(rows)), labels[::-1])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(wrapped_text(str(metric), LETTERS), loc="right")
    clip_limits(axes.set_xlim, rows)
    scale = draw_yardstick(axes, "x", rows, metric)
    figure.set_figheight(figure.get_figheight() + 0.8 * bool(scale))
    return figure, interval_caption(rows, scale)


def sweep(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot the metric against a swept number, a line for each value of the other factors."""
    key = next((key for key in comparison.factor_set.factors if _numeric(comparison, key)), None)
    if comparison.metric is None or key is None:
        return None
    valued = [e for e in comparison.configurations if e.scores and _is_number(e.factors[key])]
    if all_equal(_scores(valued)):
        return None
    lines: dict[str, list[Configuration]] = {}
    for each in sorted(valued, key=lambda each: each.factors[key]):
        others = {k: v for k, v in each.factors.items() if k != key}
        name = ", ".join(f"{k}={format_value(v)}" for k, v in others.items())
        lines.setdefault(name, []).append(each)
    figure, axes = new_figure()
    styles = line_styles(comparison)
    beside = [k for k in comparison.factor_set.covarying if not k.endswith("_target_")]
    for i, (name, points) in enumerate(list(lines.items())[:SHOWN]):
        line = [(each.factors[key], each.mean) for each in points]
        style = _DASHES[i % len(_DASHES)]
        if not _differing(points, beside):
            axes.plot(*zip(*line, strict=True), style, c=GRAY, lw=1.2, label=name or None)
        for each in points:
            _vertical_whisker(axes, each, each.factors[key], styles[each.label])
    places = [each.factors[key] for each in valued]
    few = max(map(abs, places)) < _SMALL
    axes.xaxis.set_major_locator(MaxNLocator(3 if few else 5, steps=[1, 2, 5, 10]))
    choose_scale(axes, "x", places)
    choose_scale(axes, "y", _scores(valued))
    axes.set_xlabel(key)
    set_title(axes, str(comparison.metric))
    clip_limits(axes.set_ylim, valued)
    scale = draw_yardstick(axes, "y", valued, comparison.metric)
    legend(axes)
    marks = f"points: means; vertical lines: 95 % intervals; short dashes: single seeds{scale}"
    if apart := dict.fromkeys(k for points in lines.values() for k in _differing(points, beside)):
        marks += f"; points that also differ in {list_names([*apart], 3)} are not joined"
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
    if all_equal(grid.flat):
        return None
    figure, axes = new_figure(height=1.6 + 0.45 * len(rows))
    known = ((place, value) for place, value in np.ndenumerate(grid) if not math.isnan(value))
    draw_grid(
        axes,
        grid,
        {place: f"{value:.3g}" for place, value in known},
        high_is_good=not comparison.metric.lower_is_better,
        size=9 if len(columns) <= 6 else 7,
        label=comparison.metric.tag,
    )
    axes.set_xticks(range(len(columns)), columns, rotation=45 * (len(columns) > 6))
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(across)
    axes.set_ylabel(wrapped_text(down, UPRIGHT_LETTERS))
    return figure, "Means over seeds; dark is worse."


def interval_caption(rows: Sequence[Configuration], more: str = "") -> str:
    """Describe the marks of means, intervals, seeds and of baselines if any are among the rows.

    more: description of other marks.
    """
    baselines = sum(each.is_baseline for each in rows)
    diamond = f"; diamond: the {'baseline' if baselines == 1 else 'baselines'}" if baselines else ""
    return f"Points: means; lines: 95 % intervals; gray ticks: single seeds{diamond}{more}."


def _whisker(axes: Axes, each: Configuration, y: float, style: LineStyle) -> None:
    axes.plot([each.mean], [y], style.marker, c=style.color)
    if each.interval:
        axes.plot([each.interval.low, each.interval.high], [y, y], c=style.color, lw=1.6)


def _vertical_whisker(axes: Axes, each: Configuration, x: float, style: LineStyle) -> None:
    axes.plot([x], [each.mean], style.marker, c=style.color)
    axes.plot([x] * len(each.scores), list(each.scores.values()), "_", c=style.color, alpha=0.6)
    if each.interval:
        axes.plot([x, x], [each.interval.low, each.interval.high], c=style.color, lw=1.2)


def _differing(points: Sequence[Configuration], keys: Sequence[str]) -> list[str]:
    """Return the keys whose values are not the same for all points."""
    seen = [each.statuses[0].run.keys for each in points]
    return [key for key in keys if len({canonical(each.get(key)) for each in seen}) > 1]


def _scores(rows: Sequence[Configuration]) -> list[float]:
    return [value for each in rows for value in each.scores.values()]


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
