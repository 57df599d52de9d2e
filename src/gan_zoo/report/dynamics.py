"""Figures of runs that no metric was measured of: losses, scores and gradients while training."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from gan_zoo.report.bands import draw_band, said_of_bands, spread_out
from gan_zoo.report.canvas import SHOWN, legend, panels
from gan_zoo.report.runs import Run
from gan_zoo.report.study import Configuration, Study


def losses(study: Study) -> tuple[Figure, str] | None:
    """What critic and generator minimize."""
    note = "Values of different loss functions are not comparable"
    return _pair(study, ("loss/critic", "loss/generator"), note)


def scores(study: Study) -> tuple[Figure, str] | None:
    """What the critic says of real and generated samples."""
    note = "Scores of real and of generated samples; higher is more real"
    return _pair(study, ("score/real", "score/fake"), note)


def gradients(study: Study) -> tuple[Figure, str] | None:
    """How large the gradients of both networks are."""
    note = "Norms of the gradients of critic and generator"
    return _pair(study, ("grad_norm/critic", "grad_norm/generator"), note)


def _pair(study: Study, tags: tuple[str, str], note: str) -> tuple[Figure, str] | None:
    """Two tags side by side, a line for each configuration; None where a metric tells more."""
    if study.metric is not None:
        return None
    figure, sides = panels(len(tags))
    most = 0
    for axes, tag in zip(sides, tags, strict=True):
        for i, each in enumerate(study.configurations[:SHOWN]):
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
    return each.runs or [outcome.run for outcome in each.outcomes]
