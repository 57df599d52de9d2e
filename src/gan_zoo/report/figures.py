"""The figures of a study, each made only where the study holds what it shows."""

import dataclasses
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from gan_zoo.report.canvas import STYLE
from gan_zoo.report.dynamics import gradients, losses, scores
from gan_zoo.report.study import Study
from gan_zoo.report.swept import heat_map, intervals, sweep
from gan_zoo.report.tradeoffs import cost, diversity, learning


def figures(study: Study) -> dict[str, tuple[Figure, str]]:
    """Every figure that the study has the numbers for: name -> (figure, caption)."""
    found = {}
    makers = (intervals, sweep, heat_map, learning, diversity, cost, losses, scores, gradients)
    for i, (dataset, peers) in enumerate(study.datasets.items()):
        part = dataclasses.replace(study, configurations=tuple(peers))
        several = len(study.datasets) > 1
        for make in makers:
            with matplotlib.rc_context(STYLE):
                made = make(part)
            if made is not None:
                figure, caption = made
                name = f"{make.__name__}_{i}" if several else make.__name__
                found[name] = (figure, f"{dataset}: {caption}" if several else caption)
    return found


def save(figure: Figure, path: Path) -> None:
    """Write a figure beside each other as PNG and SVG; path is without suffix."""
    with matplotlib.rc_context(STYLE):
        figure.savefig(path.with_suffix(".png"), dpi=110)
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
