"""Figures of runs that no metric was measured of: losses, scores and gradients while training."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from gan_zoo.report.comparison import Comparison, Configuration
from gan_zoo.report.curve_bands import draw_band, said_of_bands, spread_out
from gan_zoo.report.figure_style import SHOWN, legend, panels
from gan_zoo.report.runs import Run


def losses(comparison: Comparison) -> tuple[Figure, str] | None:
    """What critic and generator minimize."""
    note = "Values of different loss functions are not comparable"
    return _pair(comparison, ("loss/critic", "loss/generator"), note)


def scores(comparison: Comparison) -> tuple[Figure, str] | None:
    """What the critic says of real and generated samples."""
    note = "Scores of real and of generated samples; higher is more real"
    return _pair(comparison, ("score/real", "score/fake"), note)


def gradients(comparison: Comparison) -> tuple[Figure, str] | None:
    """How large the gradients of both networks are."""
    note = "Norms of the gradients of critic and generator"
    return _pair(comparison, ("grad_norm/critic", "grad_norm/generator"), note)


def _pair(comparison: Comparison, tags: tuple[str, str], note: str) -> tuple[Figure, str] | None:
    """Two tags side by side, a line for each configuration; None where a metric tells more."""
    if comparison.metric is not None:
        return None
    figure, sides = panels(len(tags))
    most = 0
    for axes, tag in zip(sides, tags, strict=True):
        for i, each in enumerate(comparison.configurations[:SHOWN]):
            most = max(most, draw_band(axes, _runs(each), tag, i, each.label))
        axes.set_title(tag, loc="left", fontsize=10)
        axes.set_xlabel("generator updates")
        if axes.lines:
            spread_out(axes)
    if not most:
        return None
    legend(next(axes for axes in sides if axes.lines))
    return figure, f"{note}; {said_of_bands(most)}."


def _runs(each: Configuration) -> Sequence[Run]:
    """Those that came to their end; all of them while none has."""
    return each.runs or [outcome.run for outcome in each.statuses]
