"""Figures of trade-offs: fidelity against diversity, and the metric against seconds."""

import math
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gan_zoo.report.comparison import Comparison
from gan_zoo.report.figure_style import (
    LETTERS,
    all_equal,
    choose_scale,
    legend,
    line_styles,
    new_figure,
    set_title,
    top_configurations,
    wrapped_text,
)
from gan_zoo.report.runs import Run
from gan_zoo.report.yardstick_axis import draw_yardstick

_PAIRS = (("precision", "recall"), ("density", "coverage"), ("high_quality", "modes"))
_POINTS = "large points: means over seeds; small points: single seeds"


def diversity(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot fidelity against diversity, where runs have a pair of metrics that measure them."""
    pair = _fidelity_and_diversity(comparison)
    if pair is None:
        return None
    fidelity, variety = pair
    figure, axes = new_figure()
    if not _scatter(
        axes, comparison, lambda run: run.metrics.get(variety, math.nan),
        lambda run: run.metrics.get(fidelity, math.nan),
    ):  # fmt: skip
        return None
    axes.set_xlabel(wrapped_text(f"{variety} (diversity)", LETTERS))
    set_title(axes, f"{fidelity} (fidelity)")
    legend(axes)
    return figure, f"Fidelity against diversity, up and to the right is better; {_POINTS}."


def cost(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot the metric against seconds of training."""
    metric = comparison.metric
    if metric is None:
        return None
    figure, axes = new_figure()
    if not _scatter(
        axes,
        comparison,
        lambda run: run.seconds,
        lambda run: run.metrics.get(metric.tag_in(run.metrics), math.nan),
    ):
        return None
    axes.set_xlabel("seconds of training")
    set_title(axes, str(metric))
    scale = draw_yardstick(axes, "y", comparison.configurations, metric)
    legend(axes)
    return figure, f"The metric against its cost; {_POINTS}{scale}."


def _scatter(
    axes: Axes, comparison: Comparison, across: Callable[[Run], float], up: Callable[[Run], float]
) -> bool:
    """Plot runs and the means of their configurations; False where an axis has one value only."""
    styles, plotted = line_styles(comparison), [np.empty((0, 2))]
    for each in top_configurations(comparison):
        places = [(across(s.run), up(s.run)) for s in each.statuses if s.value is not None]
        points = np.array([p for p in places if all(map(math.isfinite, p))]).reshape(-1, 2)
        if not len(points):
            continue
        color, _, marker = styles[each.label]
        axes.plot(points[:, 0], points[:, 1], ".", c=color, alpha=0.45, ms=5)
        center = points.mean(axis=0)
        axes.plot([center[0]], [center[1]], marker, c=color, ms=8, label=each.label)
        plotted.append(points)
    x, y = np.concatenate(plotted).T
    choose_scale(axes, "x", x)
    choose_scale(axes, "y", y)
    return not (all_equal(x) or all_equal(y))


def _fidelity_and_diversity(comparison: Comparison) -> tuple[str, str] | None:
    runs = [status.run for status in comparison.statuses if status.value is not None]
    if not runs or comparison.metric is None:
        return None
    tags = set.intersection(*(set(run.metrics) for run in runs))
    for fidelity, variety in _PAIRS:
        for tag in sorted(tags):
            if f"/{fidelity}" in tag and tag.replace(fidelity, variety) in tags:
                return tag, tag.replace(fidelity, variety)
    return None
