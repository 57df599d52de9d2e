"""A picture of the samples of a study's runs: a row for each configuration."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from gan_zoo.report.figure_style import save_png
from gan_zoo.report.runs import Run
from gan_zoo.report.sample_sheets import saved_grids, tiles
from gan_zoo.studies.cells import label
from gan_zoo.studies.results import ended_runs, setting_text

_COLUMNS = 10  # images of a row
_FEW = 4  # those of each dataset, if a row has several
# inches of a plot of points, of an image, of both
_PLOT, _IMAGE, _MIXED = 1.5, 0.5, 0.75


@dataclasses.dataclass(frozen=True)
class _Shown:
    """An image of the sheet; title: of its column, if it has one; plot: of points."""

    image: np.ndarray
    title: str
    plot: bool


def write_samples(folders: Mapping[str, Path], plan: Mapping[str, Any], path: Path) -> None:
    """Write a picture of samples of one seed; nothing where no run has saved any.

    Images are those at the end, plots of points those of all steps that were saved; beside other
    columns only the last one.

    Args:
        folders: of the study's sweeps, by the name of the part.
        plan: settings that name a row, and those that name a group of columns, if any.
        path: of the PNG file.
    """
    rows: dict[str, dict[str, list[_Shown]]] = {}
    groups: dict[str, int] = {}  # and how many images of each stand in a row
    columns = plan.get("columns", [])
    for part, folder in folders.items():
        for run in ended_runs(folder):
            values = {key: setting_text(run.keys.get(key)) for key in (*plan["rows"], *columns)}
            name, group = (label(values | {"part": part}, k) for k in (plan["rows"], columns))
            shown = _few(run, group) if columns else _all(run)
            if shown:
                rows.setdefault(name, {}).setdefault(group, shown)
                groups[group] = max(len(shown), groups.get(group, 0))
    if rows:
        save_png(_sheet(rows, groups), path, dpi=100)


def _all(run: Run) -> list[_Shown]:
    """Return the images of a row."""
    grids = saved_grids(run.folder)
    last = tiles(grids[max(grids)]) if grids else []
    if len(last) > 1:
        return [_Shown(tile, "", plot=False) for tile in last[:_COLUMNS]]
    steps = sorted(grids)
    return [_Shown(tiles(grids[step])[0], f"step {step:,}", plot=True) for step in steps]


def _few(run: Run, title: str) -> list[_Shown]:
    """Return images from all of the last grid, which may be in order of classes, or its plot.

    title: of the first one.
    """
    grids = saved_grids(run.folder)
    last = tiles(grids[max(grids)]) if grids else []
    spread = np.linspace(0, len(last) - 1, min(_FEW, len(last))).astype(int)
    return [_Shown(last[i], "" if i else title, plot=len(last) == 1) for i in spread]


def _sheet(rows: Mapping[str, Mapping[str, list[_Shown]]], sizes: Mapping[str, int]) -> Figure:
    every = [each for row in rows.values() for shown in row.values() for each in shown]
    plots = {each.plot for each in every}
    side = _MIXED if len(plots) > 1 else _PLOT if True in plots else _IMAGE
    width = 0.085 * max(map(len, rows))
    head = 0.25 if any(each.title for each in every) else 0.0
    count = sum(sizes.values())
    size = (width + side * count, head + side * len(rows))
    figure = Figure(figsize=size, dpi=80 if side == _PLOT else 90)
    with matplotlib.rc_context({"font.size": 8}):
        left, top = width / size[0], 1 - head / size[1]
        grid = figure.add_gridspec(
            len(rows), count, left=left, right=1, top=top, bottom=0, wspace=0.04, hspace=0.04
        )
        for row, (name, found) in enumerate(rows.items()):
            column = 0
            for group, length in sizes.items():
                for place, each in enumerate(found.get(group, ()), column):
                    axes = figure.add_subplot(grid[row, place])
                    axes.axis("off")
                    axes.imshow(each.image, interpolation=None if each.plot else "nearest")
                    axes.set_title(each.title if row == 0 else "", fontsize=8, loc="left")
                column += length
            y = top * (1 - (row + 0.5) / len(rows))
            figure.text(left - 0.1 / size[0], y, name, ha="right", va="center", fontsize=8)
    return figure
