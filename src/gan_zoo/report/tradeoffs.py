"""Figures of what a metric was bought with: updates, diversity, seconds."""

import math
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gan_zoo.report.bands import draw_band, said_of_bands, spread_out
from gan_zoo.report.canvas import canvas, leading, legend, look
from gan_zoo.report.runs import Run
from gan_zoo.report.study import Study

_PAIRS = (("precision", "recall"), ("density", "coverage"), ("high_quality", "modes"))
_POINTS = "large points: means over seeds; small points: single seeds"
_MARKERS = {"-": "o", "--": "s", ":": "D"}


def learning(study: Study) -> tuple[Figure, str] | None:
    """The metric against generator updates: mean and range over seeds."""
    if study.metric is None:
        return None
    figure, axes = canvas()
    drawn = [
        draw_band(axes, each.runs, study.metric.tag, i, each.label)
        for i, each in enumerate(leading(study))
    ]
    if not axes.lines:
        return None
    spread_out(axes)
    axes.set_xlabel("generator updates")
    axes.set_title(str(study.metric), loc="left", fontsize=10)
    legend(axes)
    return figure, f"The metric while training; {said_of_bands(max(drawn))}."


def diversity(study: Study) -> tuple[Figure, str] | None:
    """Fidelity against diversity, where runs have a pair of metrics that measure them."""
    pair = _fidelity_and_diversity(study)
    if pair is None:
        return None
    fidelity, variety = pair
    figure, axes = canvas()
    _scatter(
        axes, study, lambda run: run.metrics.get(variety, math.nan),
        lambda run: run.metrics.get(fidelity, math.nan),
    )  # fmt: skip
    axes.set_xlabel(f"{variety} (diversity)")
    axes.set_title(f"{fidelity} (fidelity)", loc="left", fontsize=10)
    legend(axes)
    return figure, f"Fidelity against diversity, up and to the right is better; {_POINTS}."


def cost(study: Study) -> tuple[Figure, str] | None:
    """Seconds of training against the metric."""
    metric = study.metric
    if metric is None or not any(math.isfinite(e.run.seconds) for e in study.outcomes):
        return None
    figure, axes = canvas()
    _scatter(
        axes, study, lambda run: run.seconds, lambda run: run.metrics.get(metric.tag, math.nan)
    )
    axes.set_xlabel("seconds of training")
    axes.set_title(str(metric), loc="left", fontsize=10)
    legend(axes)
    return figure, f"The metric against its cost; {_POINTS}."


def _scatter(
    axes: Axes, study: Study, across: Callable[[Run], float], up: Callable[[Run], float]
) -> None:
    for i, each in enumerate(leading(study)):
        places = [(across(o.run), up(o.run)) for o in each.outcomes if o.value is not None]
        points = np.array([p for p in places if all(map(math.isfinite, p))]).reshape(-1, 2)
        if not len(points):
            continue
        colour, style = look(i)
        axes.plot(points[:, 0], points[:, 1], ".", c=colour, alpha=0.45, ms=5)
        centre = points.mean(axis=0)
        marker = _MARKERS[style]
        axes.plot([centre[0]], [centre[1]], marker, c=colour, ms=8, label=each.label)


def _fidelity_and_diversity(study: Study) -> tuple[str, str] | None:
    runs = [outcome.run for outcome in study.outcomes if outcome.value is not None]
    if not runs or study.metric is None:
        return None
    tags = set.intersection(*(set(run.metrics) for run in runs))
    for fidelity, variety in _PAIRS:
        for tag in sorted(tags):
            if f"/{fidelity}" in tag and tag.replace(fidelity, variety) in tags:
                return tag, tag.replace(fidelity, variety)
    return None
