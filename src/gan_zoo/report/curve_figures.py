"""Figures over generator updates: the metric, or losses, scores and gradients without one.

Lines are means over seeds, with a band between the extremes.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration
from gan_zoo.report.figure_style import (
    LineStyle,
    all_equal,
    choose_scale,
    legend,
    line_styles,
    new_figure,
    panels,
    set_title,
    shown_configurations,
    spans_decade,
)
from gan_zoo.report.runs import Run
from gan_zoo.report.yardstick_axis import draw_yardstick

_MARKERS = 20  # on one line at most


def common_values(runs: Sequence[Run], tag: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a tag's steps (n,) that all runs with a curve share, and their values (runs, n).

    There is no step without a curve of two points.
    """
    curves = [curve for run in runs if (curve := run.curve(tag)) and len(curve.steps) > 1]
    if not curves:
        return np.empty(0, np.int64), np.empty((0, 0))
    shared = set.intersection(*(set(curve.steps.tolist()) for curve in curves))
    steps = np.array(sorted(shared), np.int64)
    return steps, np.array([curve.values[np.isin(curve.steps, steps)] for curve in curves])


def is_logarithmic(tag: str, values: np.ndarray) -> bool:
    """Return whether a tag's axis is logarithmic; scores have a sign even if all are positive."""
    return spans_decade(values) and not tag.startswith("score/")


def plotted_runs(each: Configuration) -> Sequence[Run]:
    """Return the runs whose values are compared; else those that ended; else all of them."""
    valued = [status.run for status in each.statuses if status.value is not None]
    return valued or each.runs or [status.run for status in each.statuses]


def learning(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot the metric against generator updates: mean and range over seeds."""
    if comparison.metric is None:
        return None
    figure, axes = new_figure()
    runs = [run for each in comparison.configurations for run in plotted_runs(each)]
    tags = sorted({tag for run in runs for tag in run.metrics})
    most = _draw_lines(axes, comparison, comparison.metric.tag_in(tags))
    if not most:
        return None
    axes.set_xlabel("generator updates")
    set_title(axes, str(comparison.metric))
    scale = draw_yardstick(axes, "y", comparison.configurations, comparison.metric)
    legend(axes)
    return figure, f"The metric while training; {_line_caption(most)}{scale}."


def losses(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot the losses of critic and generator."""
    note = "Values of different loss functions are not comparable"
    return _pair(comparison, ("loss/critic", "loss/generator"), note)


def scores(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot the critic's scores of real and generated samples."""
    note = "Scores of real and of generated samples; higher is more real"
    return _pair(comparison, ("score/real", "score/fake"), note)


def gradients(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot the gradient norms of both networks."""
    note = "Norms of the gradients of critic and generator"
    return _pair(comparison, ("grad_norm/critic", "grad_norm/generator"), note)


def _pair(comparison: Comparison, tags: tuple[str, str], note: str) -> tuple[Figure, str] | None:
    """Plot two tags, a line per configuration; None where there is a metric."""
    if comparison.metric is not None:
        return None
    figure, parts = panels(len(tags))
    counts = [_draw_lines(axes, comparison, tag) for axes, tag in zip(parts, tags, strict=True)]
    if not any(counts):
        return None
    for axes, tag in zip(parts, tags, strict=True):
        set_title(axes, tag)
    parts[-1].set_xlabel("generator updates")
    legend(next(axes for axes in parts if axes.lines))
    return figure, f"{note}; {_line_caption(max(counts))}."


def _draw_lines(axes: Axes, comparison: Comparison, tag: str) -> int:
    """Plot a tag's mean and range over seeds; return the largest number of seeds.

    Nothing is plotted where all values are equal: 0.
    """
    styles, most, plotted = line_styles(comparison), 0, [np.empty(0)]
    for each in shown_configurations(comparison):
        steps, values = common_values(plotted_runs(each), tag)
        if len(steps) > 1:
            _draw_band(axes, steps, values, styles[each.label], each.label)
            most = max(most, len(values))
            plotted.append(values.ravel())
    everything = np.concatenate(plotted)
    if all_equal(everything):
        return 0
    if is_logarithmic(tag, everything):
        choose_scale(axes, "y", everything)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 2.5, 5, 10]))
    return most


def _draw_band(
    axes: Axes, steps: np.ndarray, values: np.ndarray, style: LineStyle, label: str
) -> None:
    color, dash, marker = style
    every = -(-len(steps) // _MARKERS)
    mean = values.mean(axis=0)
    axes.plot(steps, mean, dash, c=color, marker=marker, ms=4.5, markevery=every, label=label)
    if len(values) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(steps, low, high, color=color, alpha=0.15, lw=0)


def _line_caption(most: int) -> str:
    """Describe the lines, of at most `most` seeds each."""
    if most < 2:
        return "lines: single seeds"
    return "lines: means over seeds; bands: from the lowest seed to the highest"
