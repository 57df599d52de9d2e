"""Figures of what was swept: intervals side by side, a curve over a number, a map over two keys."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gan_zoo.report.canvas import (
    BLUE,
    GRAY,
    ORANGE,
    SHOWN,
    canvas,
    leading,
    legend,
    look,
    plain_numbers,
    tame,
)
from gan_zoo.report.study import Configuration, Study
from gan_zoo.report.variation import shown

_HEAT_CELLS = 400


def intervals(study: Study) -> tuple[Figure, str] | None:
    """Mean, interval and every seed, one row per configuration, best first."""
    metric, rows = study.metric, leading(study)
    if metric is None or len(rows) < 2:
        return None
    figure, axes = canvas(height=1.2 + 0.36 * len(rows))
    for y, each in enumerate(reversed(rows)):
        axes.plot(list(each.scores.values()), [y] * len(each.scores), "|", ms=9, c=GRAY, zorder=3)
        _whisker(axes, each, y, ORANGE if each.is_baseline else BLUE)
    axes.set_yticks(range(len(rows)), [each.label for each in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(str(metric))
    tame(axes.set_xlim, rows)
    return figure, f"Points: means; lines: 95 % intervals; gray ticks: single seeds{named(rows)}."


def sweep(study: Study) -> tuple[Figure, str] | None:
    """The metric against a swept number, one line for each value of the other factors."""
    key = next((key for key in study.variation.factors if _numeric(study, key)), None)
    if study.metric is None or key is None:
        return None
    lines: dict[str, list[Configuration]] = {}
    for each in study.configurations:
        if each.scores and _is_number(each.factors[key]):
            others = {k: v for k, v in each.factors.items() if k != key}
            name = ", ".join(f"{k}={shown(v)}" for k, v in others.items())
            lines.setdefault(name, []).append(each)
    if not lines:
        return None
    figure, axes = canvas()
    for i, (name, points) in enumerate(list(lines.items())[:SHOWN]):
        _slope_line(axes, name, sorted(points, key=lambda each: each.factors[key]), key, i)
    places = [each.factors[key] for points in lines.values() for each in points]
    if min(places) > 0 and max(places) >= 100 * min(places):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(plain_numbers)
    axes.set_xlabel(key)
    axes.set_title(str(study.metric), loc="left", fontsize=10)
    tame(axes.set_ylim, [each for points in lines.values() for each in points])
    legend(axes)
    marks = "points: means; vertical lines: 95 % intervals; short dashes: single seeds"
    return figure, f"{study.metric.tag} against {key}; {marks}."


def heat_map(study: Study) -> tuple[Figure, str] | None:
    """Means over two swept keys."""
    if study.metric is None or len(study.variation.factors) != 2:
        return None
    rows, columns = (_values(study, key) for key in study.variation.factors)
    if min(len(rows), len(columns)) < 2 or len(rows) * len(columns) > _HEAT_CELLS:
        return None
    down, across = study.variation.factors
    grid = np.full((len(rows), len(columns)), math.nan)
    for each in study.configurations:
        place = rows.index(shown(each.factors[down])), columns.index(shown(each.factors[across]))
        grid[place] = math.nan if each.mean is None else each.mean
    figure, axes = canvas(height=1.6 + 0.45 * len(rows))
    axes.grid(False)
    colours = "viridis_r" if study.metric.lower_is_better else "viridis"
    picture = axes.imshow(np.ma.masked_invalid(grid), aspect="auto", cmap=colours)
    for (i, j), value in np.ndenumerate(grid):
        if math.isnan(value):
            continue
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1}
        axes.text(j, i, f"{value:.3g}", ha="center", va="center", fontsize=7, bbox=box)
    axes.set_xticks(range(len(columns)), columns, rotation=45 * (len(columns) > 6))
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(across)
    axes.set_ylabel(down)
    figure.colorbar(picture, label=study.metric.tag)
    return figure, "Means over seeds; dark is worse."


def named(rows: Sequence[Configuration]) -> str:
    """Words for the color of the baseline, if one is among the rows."""
    found = sum(each.is_baseline for each in rows)
    return f"; orange: the {'baseline' if found == 1 else 'baselines'}" if found else ""


def _whisker(axes: Axes, each: Configuration, y: float, colour: str) -> None:
    axes.plot([each.mean], [y], "o", c=colour)
    if each.interval:
        axes.plot([each.interval.low, each.interval.high], [y, y], c=colour, lw=1.6)


def _slope_line(axes: Axes, name: str, points: Sequence[Configuration], key: str, i: int) -> None:
    colour, style = look(i)
    places = [each.factors[key] for each in points]
    axes.plot(places, [each.mean for each in points], f"o{style}", c=colour, label=name or None)
    for each, x in zip(points, places, strict=True):
        axes.plot([x] * len(each.scores), list(each.scores.values()), "_", c=colour, alpha=0.6)
        if each.interval:
            axes.plot([x, x], [each.interval.low, each.interval.high], c=colour, lw=1.2)


def _values(study: Study, key: str) -> list[str]:
    """A factor's values: numbers in their order, others in that of the sweep."""
    found = {shown(each.factors[key]): each.factors[key] for each in study.configurations}
    if all(_is_number(value) for value in found.values()):
        return sorted(found, key=lambda name: found[name])
    return list(found)


def _numeric(study: Study, key: str) -> bool:
    values = [each.factors[key] for each in study.configurations]
    return len({value for value in values if _is_number(value)}) >= 3


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
