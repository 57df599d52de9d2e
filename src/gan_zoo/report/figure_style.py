"""The style of all figures: sizes, colors, legends, and which configurations they show."""

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration, best_first

SHOWN = 12  # configurations in one figure with a line or point for each
# Okabe and Ito's colors, which color-blind readers can distinguish
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933")
# captions name these colors: baselines are orange, seeds gray
BLUE, ORANGE, GRAY = COLORS[0], COLORS[1], "#808080"
_STYLES = ("-", "--", ":")
STYLE = {
    "text.parse_math": False,  # names may hold dollar signs
    "svg.hashsalt": "gan_zoo",  # the same runs give the same file
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "font.size": 10,
    "legend.frameon": False,
}


def new_figure(height: float = 4.2) -> tuple[Figure, Axes]:
    """Make an empty figure as wide as the page; height in inches."""
    figure = Figure(figsize=(6.4, min(height, 40)), layout="constrained")
    return figure, figure.subplots()


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """Make a figure as wide as the page with `count` axes side by side."""
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    return figure, [figure.add_subplot(1, count, 1 + i) for i in range(count)]


def line_style(i: int) -> tuple[str, str]:
    """Return color and line style of the i-th of up to 24 lines."""
    return COLORS[i % len(COLORS)], _STYLES[i // len(COLORS) % len(_STYLES)]


def legend(axes: Axes) -> None:
    """Add a legend below the axes, where long labels have room, if there are any labels."""
    if axes.get_legend_handles_labels()[1]:
        figure = axes.get_figure()
        assert isinstance(figure, Figure)
        named = axes.get_legend_handles_labels()
        figure.legend(*named, fontsize=7, loc="outside lower center", ncols=2)


def top_configurations(comparison: Comparison) -> list[Configuration]:
    """Choose at most SHOWN configurations, best first: up to three baselines, the best others."""
    if comparison.metric is None:
        return []
    ordered = best_first(
        [each for each in comparison.configurations if each.scores], comparison.metric
    )
    baselines = [each for each in ordered if not each.baseline][:3]
    others = [each for each in ordered if each not in baselines][: SHOWN - len(baselines)]
    return [each for each in ordered if each in baselines or each in others]


def plain_numbers(value: float, place: int | None = None) -> str:
    """Format a tick of a logarithmic axis without math text, which STYLE turns off."""
    return f"{value:g}"


def clip_limits(set_limits: Callable[..., Any], rows: Sequence[Configuration]) -> None:
    """Limit an axis to the seeds' values: an interval of two distant seeds may be far wider."""
    values = [value for each in rows for value in each.scores.values()]
    span = max(values) - min(values) or abs(values[0]) or 1.0
    bounds = [each.interval for each in rows if each.interval]
    low = max(min([*values, *(b.low for b in bounds)]), min(values) - span)
    high = min(max([*values, *(b.high for b in bounds)]), max(values) + span)
    set_limits(low - 0.04 * span, high + 0.04 * span)
