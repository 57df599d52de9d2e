"""A figure of all trials of a search: how good each loss can be, and how good it usually is."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gan_zoo.report.figure_style import COLORS, GRAY, choose_scale, drawing, panels, save_png
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.result_rows import Row
from gan_zoo.tuning.random_search import DEFAULT, PAPER
from gan_zoo.tuning.run_rows import (
    FRESH,
    no_value,
    primary_metric,
    read_rows,
    searched_datasets,
    value,
)
from gan_zoo.tuning.trial_table import metric_name, signed


def write_trials(folder: Path, path: Path) -> bool:
    """Plot the trials in the CSV files of a folder; returns whether there are any."""
    names = [each for each in searched_datasets(folder) if (folder / f"{each}.csv").is_file()]
    if not names:
        return False
    searches = {}
    for name in names:
        fresh = folder / f"{name}{FRESH}.csv"
        again = read_rows(fresh) if fresh.is_file() else []
        searches[name] = (read_rows(folder / f"{name}.csv"), again)
    with drawing():
        figure = plot_trials(searches)
        save_png(figure, path)
    return True


def plot_trials(searches: Mapping[str, tuple[Sequence[Row], Sequence[Row]]]) -> Figure:
    """Plot a panel for each search, a line for each loss, the best median first.

    searches: trials, and runs with fresh seeds, by dataset. Diverged runs have no mark.
    """
    figure, axes = panels(len(searches))
    figure.set_figheight(3.6 * len(searches))
    for place, (name, (trials, fresh)) in zip(axes, searches.items(), strict=True):
        place.set_title(name, loc="left")
        metric = primary_metric(trials)
        if metric is None:
            place.set_axis_off()
            place.text(0, 0.5, no_value(trials), transform=place.transAxes)
            continue
        found, again = _by_loss(trials, metric), _by_loss(fresh, metric)
        sign = 1 if metric.lower_is_better else -1
        for y, (loss, numbers) in enumerate(reversed(found.items())):
            _mark(place, "|", [sign * each for each in numbers], y, GRAY)
            _mark(place, "o", [sign * median(numbers)], y, COLORS[0])
            if of_fresh := [each for each in again.get(loss, ()) if math.isfinite(each)]:
                _mark(place, "D", [sign * mean(of_fresh)], y, COLORS[1])
        choose_scale(place, "x", [n for row in trials if (n := value(row, metric)) is not None])
        place.set_yticks(range(len(found)), [*found][::-1], fontsize=8)
        place.set_xlabel(metric_name(metric).replace("`", ""))
    return figure


def _by_loss(rows: Sequence[Row], metric: Metric) -> dict[str, list[float]]:
    """Return the metric of all runs with drawn settings by loss, lower being better, best first."""
    drawn = [row for row in rows if row["recipe"] not in (PAPER, DEFAULT)]
    found: dict[str, list[float]] = {}
    for row in drawn:
        found.setdefault(row["loss"], []).append(signed(row, metric))
    return dict(sorted(found.items(), key=lambda item: (median(item[1]), item[0])))


def _mark(axes: Axes, marker: str, numbers: Sequence[float], y: float, color: str) -> None:
    finite = [number for number in numbers if math.isfinite(number)]
    axes.plot(finite, [y] * len(finite), marker, c=color, ms=8 if marker == "|" else 5)
