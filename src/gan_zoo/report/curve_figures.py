"""Figures over generator updates: the metric, or losses, scores and gradients without one.

Lines are means over seeds, with a band between the extremes.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration
from gan_zoo.report.figure_style import (
    SHOWN,
    legend,
    line_style,
    new_figure,
    panels,
    plain_numbers,
    top_configurations,
)
from gan_zoo.report.history import Curve
from gan_zoo.report.runs import Run


def learning(comparison: Comparison) -> tuple[Figure, str] | None:
    """Plot the metric against generator updates: mean and range over seeds."""
    if comparison.metric is None:
        return None
    figure, axes = new_figure()
    seeds = [
        _draw_band(axes, each.runs, comparison.metric.tag, i, each.label)
        for i, each in enumerate(top_configurations(comparison))
    ]
    if not axes.lines:
        return None
    _choose_scale(axes)
    axes.set_xlabel("generator updates")
    axes.set_title(str(comparison.metric), loc="left", fontsize=10)
    legend(axes)
    return figure, f"The metric while training; {_line_caption(max(seeds))}."


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
    """Plot two tags side by side, a line per configuration; None where there is a metric."""
    if comparison.metric is not None:
        return None
    figure, sides = panels(len(tags))
    most = 0
    for axes, tag in zip(sides, tags, strict=True):
        for i, each in enumerate(comparison.configurations[:SHOWN]):
            most = max(most, _draw_band(axes, _runs(each), tag, i, each.label))
        axes.set_title(tag, loc="left", fontsize=10)
        axes.set_xlabel("generator updates")
        if axes.lines:
            _choose_scale(axes)
    if not most:
        return None
    legend(next(axes for axes in sides if axes.lines))
    return figure, f"{note}; {_line_caption(most)}."


def _runs(each: Configuration) -> Sequence[Run]:
    """Return the runs that ended, or all of them while none has."""
    return each.runs or [status.run for status in each.statuses]


def _draw_band(axes: Axes, runs: Sequence[Run], tag: str, i: int, label: str) -> int:
    """Plot a tag's mean and range over seeds, in the i-th style; return the number of seeds.

    Only common steps are plotted, and nothing where there are fewer than two.
    """
    curves = [curve for run in runs if (curve := run.curve(tag)) and len(curve.steps) > 1]
    steps = _common_steps(curves)
    if len(steps) < 2:
        return 0
    values = np.array([curve.values[np.isin(curve.steps, steps)] for curve in curves])
    color, style = line_style(i)
    axes.plot(steps, values.mean(axis=0), style, c=color, label=label)
    if len(values) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(steps, low, high, color=color, alpha=0.15, lw=0)
    return len(values)


def _choose_scale(axes: Axes) -> None:
    """Make the y axis logarithmic where its positive values span two powers of ten."""
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() >= 100 * finite.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(plain_numbers)


def _line_caption(most: int) -> str:
    """Describe the lines, of at most `most` seeds each."""
    if most < 2:
        return "lines: single seeds"
    return "lines: means over seeds; bands: from the lowest seed to the highest"


def _common_steps(curves: Sequence[Curve]) -> list[int]:
    found = [set(curve.steps.tolist()) for curve in curves]
    return sorted(set.intersection(*found)) if found else []
