"""What all figures share: their look, and which configurations they show."""

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gan_zoo.report.answer import best_first
from gan_zoo.report.study import Configuration, Study

SHOWN = 12  # configurations in one figure with a line or point for each
# Okabe and Ito's colours, told apart by the colour-blind too
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933")
# what captions call them: nothing else is drawn in these roles
BLUE, ORANGE, GRAY = COLOURS[0], COLOURS[1], "#808080"
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


def canvas(height: float = 4.2) -> tuple[Figure, Axes]:
    """An empty figure as wide as the page, height in inches."""
    figure = Figure(figsize=(6.4, min(height, 40)), layout="constrained")
    return figure, figure.subplots()


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure as wide as the page with some axes side by side."""
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    return figure, [figure.add_subplot(1, count, 1 + i) for i in range(count)]


def look(i: int) -> tuple[str, str]:
    """Colour and line style of the i-th of up to 24 things."""
    return COLOURS[i % len(COLOURS)], _STYLES[i // len(COLOURS) % len(_STYLES)]


def legend(axes: Axes) -> None:
    """Names below the axes, where long ones have room, if there are any."""
    if axes.get_legend_handles_labels()[1]:
        figure = axes.get_figure()
        assert isinstance(figure, Figure)
        named = axes.get_legend_handles_labels()
        figure.legend(*named, fontsize=7, loc="outside lower center", ncols=2)


def leading(study: Study) -> list[Configuration]:
    """At most SHOWN configurations, best first: up to three baselines, and the best others."""
    if study.metric is None:
        return []
    ordered = best_first([each for each in study.configurations if each.scores], study.metric)
    baselines = [each for each in ordered if not each.baseline][:3]
    others = [each for each in ordered if each not in baselines][: SHOWN - len(baselines)]
    return [each for each in ordered if each in baselines or each in others]


def plain_numbers(value: float, place: int | None = None) -> str:
    """A tick of a logarithmic axis; powers in mathematical type need what names must not have."""
    return f"{value:g}"


def tame(set_limits: Callable[..., Any], rows: Sequence[Configuration]) -> None:
    """Keep the seeds in view: an interval of two wild seeds may dwarf everything."""
    values = [value for each in rows for value in each.scores.values()]
    room = max(values) - min(values) or abs(values[0]) or 1.0
    bounds = [each.interval for each in rows if each.interval]
    low = max(min([*values, *(b.low for b in bounds)]), min(values) - room)
    high = min(max([*values, *(b.high for b in bounds)]), max(values) + room)
    set_limits(low - 0.04 * room, high + 0.04 * room)
