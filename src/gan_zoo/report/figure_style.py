"""The style of all figures: sizes, legends, and one color and marker for each configuration."""

import functools
import logging
import math
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from gan_zoo.atomic_write import atomic_write
from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration, best_first

LETTERS = 48  # in a line above or below the axes
UPRIGHT_LETTERS = 32  # in a line beside them, even low ones
SHOWN = 12  # configurations in one figure with a line or point for each
# Okabe and Ito's colors, which color-blind readers can distinguish
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933")
GRAY = "#808080"  # captions name it: single seeds
_DASHES = ("-", "--", ":")
_MARKERS = ("o", "s", "^")
_BASELINE = "D"  # captions name it: a diamond
_DPI = 110  # of PNG files for pages of the documentation
_WIDTH = 4.6  # inches: at the width of a phone, letters are about as large as those of the page
_DECADE = 10.0  # ratio of the values from which an axis is logarithmic
# for letters that matplotlib's own font lacks, on Linux, macOS and Windows; installed ones are used
_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"),
    *("PingFang SC", "Hiragino Sans", "Arial Unicode MS", "Microsoft YaHei", "MS Gothic"),
    *("Noto Sans", "Noto Sans Arabic", "Noto Sans Devanagari", "Unifont"),
)
_STYLE = {
    "text.parse_math": False,  # names may hold dollar signs
    "svg.hashsalt": "gan_zoo",  # the same runs give the same file
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlesize": 10,
    "grid.alpha": 0.3,
    "font.size": 10,
    "legend.frameon": False,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Make or save a figure in the style of all figures; letters of no font become boxes."""
    fonts = {"font.family": ["DejaVu Sans", *_installed_fonts()]}
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns of a font without the wanted weight
    try:
        with matplotlib.rc_context(_STYLE | fonts), warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
            yield
    finally:
        log.setLevel(level)


@functools.cache
def _installed_fonts() -> list[str]:
    installed = {*fontManager.get_font_names()}
    return [name for name in _FONTS if name in installed]


class LineStyle(NamedTuple):
    """How a configuration is drawn, in all figures of its dataset."""

    color: str
    dash: str
    marker: str


_OTHERS = LineStyle(GRAY, "-", _MARKERS[0])  # configurations beyond those of the figures


def line_styles(comparison: Comparison) -> Mapping[str, LineStyle]:
    """Return the style of each configuration by its label; a baseline's marker is a diamond.

    The order of the sweep decides, so that another metric or baseline changes no color.
    """
    shown = {each.label for each in shown_configurations(comparison)}
    styles = {each.label: _OTHERS for each in comparison.configurations}
    drawn = [each for each in comparison.configurations if each.label in shown]
    for i, each in enumerate(drawn):
        turn, color = divmod(i, len(COLORS))
        marker = _BASELINE if each.is_baseline else _MARKERS[turn]
        styles[each.label] = LineStyle(COLORS[color], _DASHES[turn], marker)
    return styles


def shown_configurations(comparison: Comparison) -> list[Configuration]:
    """Choose at most SHOWN configurations: the first ones, or those that rank best."""
    if comparison.metric is None:
        return list(comparison.configurations[:SHOWN])
    return top_configurations(comparison)


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


def new_figure(height: float = 3.0) -> tuple[Figure, Axes]:
    """Make an empty figure as wide as a phone; height in inches."""
    figure = Figure(figsize=(_WIDTH, min(height, 40)), layout="constrained")
    return figure, figure.subplots()


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """Make a figure as wide as a phone with `count` axes, one above the other."""
    figure = Figure(figsize=(_WIDTH, 2.4 * count + 0.4), layout="constrained")
    return figure, [figure.add_subplot(count, 1, 1 + i) for i in range(count)]


def save_png(figure: Figure, path: Path, dpi: int = _DPI) -> None:
    """Write a figure as PNG, whole or not at all; the same numbers give the same file."""
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})


def legend(axes: Axes) -> None:
    """Add a legend below the axes, where long labels have room, if there are any labels."""
    handles, labels = axes.get_legend_handles_labels()
    if not labels:
        return
    columns = 2 if max(map(len, labels)) <= 22 else 1
    wrapped = [wrapped_text(label, 46) for label in labels]
    lines = sum(1 + label.count("\n") for label in wrapped) / columns
    figure = _heighten(axes, lines)
    figure.legend(handles, wrapped, fontsize=9, loc="outside lower center", ncols=columns)


def set_title(axes: Axes, text: str) -> None:
    """Set a title at the left, in several lines where it is long."""
    axes.set_title(wrapped_text(text, LETTERS), loc="left")
    _heighten(axes, axes.get_title("left").count("\n"))


def wrapped_text(text: str, width: int) -> str:
    """Break a label into lines: at spaces, and within keys and values after = _ and dots."""
    wrapper = textwrap.TextWrapper(width)
    wrapper.wordsep_re = re.compile(r"(\s+)|(?<=[=_])|(?<=[a-z]\.)")
    return wrapper.fill(text)


def all_equal(values: Iterable[float]) -> bool:
    """Return whether at most one value is among the finite ones: a figure of them says nothing."""
    return len({value for value in values if math.isfinite(value)}) < 2


def spans_decade(values: Iterable[float]) -> bool:
    """Return whether values are positive and the largest is ten times the smallest or more."""
    finite = [value for value in values if math.isfinite(value)]
    # rounded: 3e-4 is slightly less than ten times 3e-5
    return bool(finite and min(finite) > 0 and round(max(finite) / min(finite), 9) >= _DECADE)


def choose_scale(axes: Axes, name: str, values: Iterable[float]) -> None:
    """Make an axis, "x" or "y", logarithmic where its values span a power of ten."""
    if not spans_decade(values):
        return
    axes.set(**{f"{name}scale": "log"})
    axis = axes.xaxis if name == "x" else axes.yaxis
    ticks = (1.0, 2.0, 5.0) if name == "y" else (1.0, 3.0)
    axis.set_major_locator(LogLocator(subs=ticks))
    axis.set_major_formatter(plain_numbers)
    axis.set_minor_formatter(NullFormatter())


def draw_grid(
    axes: Axes,
    grid: np.ndarray,
    texts: Mapping[tuple[int, int], str],
    *,
    high_is_good: bool,
    size: float,
    label: str = "",
) -> None:
    """Draw a heat map with a color bar; bad values are dark.

    Args:
        axes: where to draw.
        grid: values (rows, columns); nan leaves a cell empty.
        texts: what is written on cells, by row and column.
        high_is_good: whether high values are good, rather than low ones.
        size: of the texts.
        label: of the color bar.
    """
    axes.grid(False)
    colors = "viridis" if high_is_good else "viridis_r"
    scale = "log" if spans_decade(grid.flat) else "linear"
    picture = axes.imshow(np.ma.masked_invalid(grid), aspect="auto", cmap=colors, norm=scale)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1}
    for (row, column), text in texts.items():
        axes.text(column, row, text, ha="center", va="center", fontsize=size, bbox=box)
    bar = axes.figure.colorbar(
        picture, label=wrapped_text(label, UPRIGHT_LETTERS), format=FuncFormatter(plain_numbers)
    )
    bar.minorformatter = NullFormatter()


def plain_numbers(value: float, place: int | None = None) -> str:
    """Format a tick of a logarithmic axis without math text, which the style turns off."""
    return f"{value:g}"


def clip_limits(set_limits: Callable[..., Any], rows: Sequence[Configuration]) -> None:
    """Limit an axis to the seeds' values: an interval of two distant seeds may be far wider."""
    values = np.array([value for each in rows for value in each.scores.values()])
    bounds = [each.interval for each in rows if each.interval]
    ends = [end for bound in bounds for end in (bound.low, bound.high)]
    if spans_decade(values):
        low = max(min([*values, *ends]), values.min() / 2)
        set_limits(low / 1.1, min(max([*values, *ends]), values.max() * 2) * 1.1)
        return
    span = float(np.ptp(values)) or abs(float(values[0])) or 1.0
    low = max(min([*values, *ends]), values.min() - span)
    high = min(max([*values, *ends]), values.max() + span)
    set_limits(low - 0.04 * span, high + 0.04 * span)


def _heighten(axes: Axes, lines: float) -> Figure:
    """Make room for lines of text in the figure of axes, which keep their height."""
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    figure.set_figheight(figure.get_figheight() + 0.2 * lines)
    return figure
