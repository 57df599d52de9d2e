"""Curves over generator updates: the mean over seeds, and the band between the extremes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from gan_zoo.report.figure_style import line_style, plain_numbers
from gan_zoo.report.history import Curve
from gan_zoo.report.runs import Run


def draw_band(axes: Axes, runs: Sequence[Run], tag: str, i: int, label: str) -> int:
    """Draw a tag of runs that differ by their seed alone in the i-th look; returns how many.

    Only steps that all of them have are drawn, and nothing where there are fewer than two.
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


def spread_out(axes: Axes) -> None:
    """Make the y axis logarithmic where its lines span two powers of ten above 0."""
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() >= 100 * finite.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(plain_numbers)


def said_of_bands(most: int) -> str:
    """What lines are, where at most so many seeds were drawn in one."""
    if most < 2:
        return "lines: single seeds"
    return "lines: means over seeds; bands: from the lowest seed to the highest"


def _common_steps(curves: Sequence[Curve]) -> list[int]:
    found = [set(curve.steps.tolist()) for curve in curves]
    return sorted(set.intersection(*found)) if found else []
