"""What the metric's values mean, as the runs recorded it: in words, and as a scale in figures."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from gan_zoo.metrics.damage import Missing
from gan_zoo.metrics.yardstick import DamageCurve, Yardstick
from gan_zoo.report.configurations import Configuration
from gan_zoo.report.figure_style import GRAY
from gan_zoo.report.metric_choice import Metric

TITLE = "as far from real as"
_LEAST_DISTANCE = 0.08  # between two ticks, as a share of the axis
_MARKS = 5  # of one curve, about


def recorded_yardstick(rows: Iterable[Configuration], metric: Metric | None) -> Yardstick | None:
    """Return the yardstick of the metric that runs of one dataset recorded; None without one."""
    runs = (s.run for each in rows for s in each.statuses if metric and s.value is not None)
    found = (run.yardstick(metric.tag_in(run.metrics)) for run in runs if metric)
    return next(filter(None, found), None)


def draw_yardstick(axes: Axes, name: str, rows: Sequence[Configuration], metric: Metric) -> str:
    """Draw a scale of damaged real samples opposite the metric's axis, "x" or "y".

    To be called once the limits are final. Returns what the caption adds; nothing is drawn, and it
    is empty, where no run recorded a yardstick or nothing of it is within the limits.
    """
    yardstick = recorded_yardstick(rows, metric)
    limits = axes.get_xlim() if name == "x" else axes.get_ylim()
    scale = axes.get_xscale() if name == "x" else axes.get_yscale()
    ticks = _ticks(yardstick, limits, scale == "log") if yardstick else {}
    if not ticks:
        return ""
    other = axes.twiny() if name == "x" else axes.twinx()
    other.set(**{f"{name}scale": scale, f"{name}lim": limits, f"{name}label": TITLE})
    axis, side = (other.xaxis, "top") if name == "x" else (other.yaxis, "right")
    slant = {"rotation": 40, "ha": "left", "rotation_mode": "anchor"} if name == "x" else {}
    axis.set_ticks(list(ticks), list(ticks.values()), fontsize=8, color=GRAY, **slant)
    axis.set_minor_locator(NullLocator())
    axis.set_tick_params(color=GRAY)
    axis.label.set(color=GRAY, fontsize=8)
    other.spines[side].set(visible=True, color=GRAY)
    other.grid(False)
    return f"; {side}: damaged real samples of the same {metric.tag}"


def _ticks(
    yardstick: Yardstick, limits: tuple[float, float], logarithmic: bool
) -> dict[float, str]:
    """Return the words of values between the limits, far enough from each other on the axis."""
    place = math.log if logarithmic else float
    low, high = map(place, limits)
    found: dict[float, str] = {}
    free = low  # places below it are taken
    marks = (mark for curve in yardstick.main_curves for mark in _marks(curve, limits))
    for value, words in sorted(marks):
        is_new = words not in found.values()
        if limits[0] < value < limits[1] and place(value) >= free and is_new:
            found[value] = words
            free = place(value) + _LEAST_DISTANCE * (high - low)
    return found


def _marks(curve: DamageCurve, limits: tuple[float, float]) -> Iterator[tuple[float, str]]:
    """Yield values at round amounts of damage, interpolated, with their words."""
    amounts, values = zip(*curve.points, strict=True)
    ends = [amounts[-1] if (a := curve.amount_at(end)) is None else a for end in limits]
    counted = isinstance(curve.damage, Missing)
    round_amounts = MaxNLocator(_MARKS, integer=counted, steps=[1, 2, 5, 10]).tick_values(
        *sorted(ends)
    )
    for amount in [*round_amounts, amounts[-1]]:
        whole = round(amount, 6).is_integer()  # between two counts, ticks are fractions
        if amounts[0] < amount <= amounts[-1] and (whole or not counted):
            value = float(np.interp(amount, amounts, values))
            yield value, curve.damage.describe(amount, amounts[-1])
