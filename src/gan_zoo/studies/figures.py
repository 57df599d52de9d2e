"""The figures of a study, from the rows of its CSV file."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from gan_zoo.evaluation.health import HEALTHY
from gan_zoo.report.figure_style import (
    COLORS,
    GRAY,
    choose_scale,
    draw_grid,
    drawing,
    legend,
    new_figure,
    panels,
)
from gan_zoo.report.result_rows import Row
from gan_zoo.studies.cells import (
    STATUSES,
    Cell,
    cell,
    grouped,
    higher_is_better,
    is_number,
    reached_end,
)
from gan_zoo.studies.tables import formats, metric_title

_DASHES = ("-", "--", ":")
_MANY_DECADES = 1e3  # ratio of values from which an axis has a tick for each power of ten only


def study_figures(
    rows: Sequence[Row], plans: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[Figure, str]]:
    """Plot the figures of a study that there are numbers for: name -> (figure, caption)."""
    found = {}
    for plan in plans:
        with drawing():
            made = _kind(plan["kind"])(rows, plan)
        if made:
            name = plan.get("metric", plan.get("tag", "")).rpartition("/")[2].replace("_", "-")
            found[f"{name}-{plan['kind']}"] = made
    return found


def _kind(name: str) -> Callable[..., tuple[Figure, str] | None]:
    if name == "lines":
        return lines
    if name == "heat":
        return heat_map
    if name == "dots":
        return dots
    if name == "curves":
        return curves
    raise ValueError(f"no figure is called {name}")


def lines(rows: Sequence[Row], plan: Mapping[str, Any]) -> tuple[Figure, str] | None:
    """Plot a metric against a number, with a line and a band of intervals for each series."""
    metric, x = plan["metric"], plan["x"]
    usable = [
        row
        for row in rows
        if is_number(row.get(metric, "")) and is_number(row.get(x, "")) and reached_end(row)
    ]
    if not usable:
        return None
    figure, axes = new_figure()
    for number, (name, group) in enumerate(grouped(usable, plan["series"]).items()):
        points = {float(at): cell(each, metric) for at, each in grouped(group, [x]).items()}
        _band(axes, points, name, number)
    axes.xaxis.set_major_locator(MaxNLocator(7))
    choose_scale(axes, "x", [float(row[x]) for row in usable])
    choose_scale(axes, "y", [float(row[metric]) for row in usable])
    axes.set_xlabel(x)
    axes.set_title(_capital(metric), loc="left")
    legend(axes)
    return figure, f"{_capital(metric)} by `{x}`; bands: 95 % intervals over seeds."


def _band(axes: Axes, points: Mapping[float, Cell], name: str, number: int) -> None:
    color, dash = COLORS[number % len(COLORS)], _DASHES[number // len(COLORS) % len(_DASHES)]
    places, means = [*points], [each.mean for each in points.values()]
    axes.plot(places, means, dash, marker="o", ms=3, c=color, label=name)
    bounds = [(x, each.interval) for x, each in points.items() if each.interval]
    low, high = [each.low for _, each in bounds], [each.high for _, each in bounds]
    axes.fill_between([x for x, _ in bounds], low, high, color=color, alpha=0.15, lw=0)


def heat_map(rows: Sequence[Row], plan: Mapping[str, Any]) -> tuple[Figure, str] | None:
    """Draw means with half of their intervals in the cells of a grid; dark is worse."""
    metric = plan["metric"]
    across, names = grouped(rows, plan["columns"]), [*grouped(rows, plan["rows"])]
    cells = {
        (names.index(name), column): cell(each, metric)
        for column, group in enumerate(across.values())
        for name, each in grouped(group, plan["rows"]).items()
    }
    if not any(each.values for each in cells.values()):
        return None
    grid = np.full((len(names), len(across)), math.nan)
    for place, each in cells.items():
        grid[place] = each.mean
    figure, axes = new_figure(height=1.3 + 0.42 * len(names))
    figure.set_figwidth(max(figure.get_figwidth(), 1.8 + 0.95 * len(across)))
    shown = formats([*cells.values()], metric)
    draw_grid(
        axes,
        grid,
        {place: _cell_text(each, metric, shown(each)) for place, each in cells.items()},
        high_is_good=higher_is_better(metric) or metric == HEALTHY,
        size=7,
    )
    axes.set_xticks(range(len(across)), across, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_title(_capital(metric), loc="left")
    what = "runs" if metric in STATUSES else "means and halves of 95 % intervals"
    return figure, f"{_capital(metric)}: {what}; dark is worse."


def _cell_text(each: Cell, metric: str, shown: Callable[[float | None], str]) -> str:
    if metric in STATUSES:
        return f"{sum(each.values.values()):.0f}/{each.runs}"
    if not each.values:
        return ""
    return "\n± ".join(shown(value) for value in (each.mean, each.half_width) if value is not None)


def dots(rows: Sequence[Row], plan: Mapping[str, Any]) -> tuple[Figure, str] | None:
    """Plot mean, interval and every seed in one line for each group."""
    metric = plan["metric"]
    groups = {name: cell(group, metric) for name, group in grouped(rows, plan["rows"]).items()}
    groups = {name: each for name, each in groups.items() if each.values}
    if not groups:
        return None
    figure, axes = new_figure(height=1.0 + 0.28 * len(groups))
    letters = max(map(len, groups))  # of a label: the axes keep the width that short ones leave
    figure.set_figwidth(figure.get_figwidth() + 0.075 * max(0, letters - 20))
    for y, each in enumerate(reversed(groups.values())):
        axes.plot([*each.values.values()], [y] * len(each.values), "|", ms=9, c=GRAY, zorder=3)
        axes.plot([each.mean], [y], "o", c=COLORS[0])
        if each.interval:
            axes.plot([each.interval.low, each.interval.high], [y, y], c=COLORS[0], lw=1.6)
    choose_scale(axes, "x", [value for each in groups.values() for value in each.values.values()])
    axes.set_yticks(range(len(groups)), [*groups][::-1])
    axes.set_ylim(-0.6, len(groups) - 0.4)
    axes.set_xlabel(_capital(metric))
    marks = "points: means; lines: 95 % intervals; gray ticks: single seeds"
    return figure, f"{_capital(metric)}; {marks}."


def curves(rows: Sequence[Row], plan: Mapping[str, Any]) -> tuple[Figure, str] | None:
    """Plot a tag over steps, with a panel for each group and a line for each series."""
    tag, parts = plan["tag"], grouped(rows, plan["each"])
    columns = [name for name in rows[0] if name.startswith(f"{tag}@")]
    if not any(_values(part, columns) for part in parts.values()):
        return None
    figure, axes = panels(len(parts))
    for place, (title, part) in zip(axes, parts.items(), strict=True):
        for number, (name, group) in enumerate(grouped(part, plan["series"]).items()):
            points = {float(column.partition("@")[2]): cell(group, column) for column in columns}
            _band(place, {x: each for x, each in points.items() if each.values}, name, number)
        place.set_title(f"{', '.join(plan['each'])}: {title}", loc="left")
        if values := _values(part, columns):
            choose_scale(place, "y", values)
            if min(values) > 0 and max(values) / min(values) > _MANY_DECADES:
                place.yaxis.set_major_locator(LogLocator())
        choose_scale(place, "x", [float(column.partition("@")[2]) for column in columns])
    axes[-1].set_xlabel("updates of the critic")
    legend(axes[0])
    return figure, f"{_capital(tag)} while the critic is trained; bands: 95 % intervals over seeds."


def _values(rows: Sequence[Row], columns: Sequence[str]) -> list[float]:
    """Return the numbers in these columns of the runs that reached their end."""
    texts = [row.get(column, "") for row in rows if reached_end(row) for column in columns]
    return [float(text) for text in texts if is_number(text)]


def _capital(metric: str) -> str:
    title = metric_title(metric)
    return title[0].upper() + title[1:]
