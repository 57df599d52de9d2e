"""What all figures share: their look, and which configurations they show."""

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configuration import Configuration, best_first

SHOWN = 12  # configurations in one figure with a line or point for each
# Okabe and Ito's colors, told apart by the color-blind too
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933")
# what captions call them: nothing else is drawn in these roles
BLUE, ORANGE, GRAY = COLORS[0], COLORS[1], "#808080"
_STYLES = ("-", "--", ":")
STYLE = {
    "text.parse_math": False,  # names may hold dollar signs
    "svg.hashsalt": "gan_zoo",  # the same study gives the same file
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "font.size": 10,
    "legend.frameon": False,
}


def new_figure(height: float = 4.2) -> tuple[Figure, Axes]:
    """An empty figure as wide as the page, height in inches."""
    figure = Figure(figsize=(6.4, min(height, 40)), layout="constrained")
    return figure, figure.subplots()


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure as wide as the page with some axes side by side."""
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    return figure, [figure.add_subplot(1, count, 1 + i) for i in range(count)]


def line_style(i: int) -> tuple[str, str]:
    """Color and line style of the i-th of up to 24 things."""
    return COLORS[i % len(COLORS)], _STYLES[i // len(COLORS) % len(_STYLES)]


def legend(axes: Axes) -> None:
    """Names below the axes, where long ones have room, if there are any."""
    if axes.get_legend_handles_labels()[1]:
        figure = axes.get_figure()
        assert isinstance(figure, Figure)
        named = axes.get_legend_handles_labels()
        figure.legend(*named, fontsize=7, loc="outside lower center", ncols=2)


def top_configurations(comparison: Comparison) -> list[Configuration]:
    """At most SHOWN configurations, best first: up to three baselines, and the best others."""
    if comparison.metric is None:
        return []
    ordered = best_first(
        [each for each in comparison.configurations if each.scores], comparison.metric
    )
    baselines = [each for each in ordered if not each.baseline][:3]
    others = [each for each in ordered if each not in baselines][: SHOWN - len(baselines)]
    return [each for each in ordered if each in baselines or each in others]


def plain_numbers(value: float, place: int | None = None) -> str:
    """A tick of a logarithmic axis; powers in mathematical type need what names must not have."""
    return f"{value:g}"


def clip_limits(set_limits: Callable[..., Any], rows: Sequence[Configuration]) -> None:
    """Keep the seeds in view: an interval of two wild seeds may dwarf everything."""
    values = [value for each in rows for value in each.scores.values()]
    room = max(values) - min(values) or abs(values[0]) or 1.0
    bounds = [each.interval for each in rows if each.interval]
    low = max(min([*values, *(b.low for b in bounds)]), min(values) - room)
    high = min(max([*values, *(b.high for b in bounds)]), max(values) + room)
    set_limits(low - 0.04 * room, high + 0.04 * room)
