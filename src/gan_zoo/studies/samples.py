"""A picture of the samples of a study's runs: a row for each configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from gan_zoo.report.runs import Run
from gan_zoo.report.sample_sheets import saved_grids, tiles
from gan_zoo.studies.cells import label
from gan_zoo.studies.results import ended_runs, text_of

_COLUMNS = 10
_SIDE = {True: 1.5, False: 0.5}  # inches of a plot of points, of an image
_DPI = {True: 80, False: 90}


def write_samples(folders: Mapping[str, Path], keys: Sequence[str], path: Path) -> None:
    """Write a picture of samples of one seed; nothing where no run has saved any.

    Images are those at the end, plots of points those of all steps that were saved.

    Args:
        folders: of the study's sweeps, by the name of the part.
        keys: settings that name a row.
        path: of the PNG file.
    """
    rows: dict[str, dict[str, np.ndarray]] = {}
    for part, folder in folders.items():
        for run in ended_runs(folder):
            row = {key: text_of(run.keys.get(key)) for key in keys} | {"part": part}
            name = label(row, keys)
            shown = _samples(run)
            if shown and name not in rows:
                rows[name] = shown
    if rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sheet(rows).savefig(path, metadata={"Software": None})


def _samples(run: Run) -> dict[str, np.ndarray]:
    """Return images by the title of their column: a number, or the step of a plot."""
    grids = saved_grids(run.folder)
    if not grids:
        return {}
    last = tiles(grids[max(grids)])
    if len(last) > 1:
        return {str(i + 1): tile for i, tile in enumerate(last[:_COLUMNS])}
    return {f"step {step:,}": tiles(grids[step])[0] for step in sorted(grids)}


def _sheet(rows: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    heads = list(dict.fromkeys(title for shown in rows.values() for title in shown))
    is_plot = heads[0].startswith("step")
    side, width = _SIDE[is_plot], 0.085 * max(map(len, rows))
    head = 0.25 if is_plot else 0.0
    size = (width + side * len(heads), head + side * len(rows))
    figure = Figure(figsize=size, dpi=_DPI[is_plot])
    with matplotlib.rc_context({"font.size": 8}):
        left, top = width / size[0], 1 - head / size[1]
        grid = figure.add_gridspec(
            len(rows), len(heads), left=left, right=1, top=top, bottom=0, wspace=0.04, hspace=0.04
        )
        for row, (name, shown) in enumerate(rows.items()):
            for column, title in enumerate(heads):
                axes = figure.add_subplot(grid[row, column])
                axes.axis("off")
                if title in shown:
                    axes.imshow(shown[title], interpolation=None if is_plot else "nearest")
                if row == 0 and is_plot:
                    axes.set_title(title, fontsize=8)
            y = top * (1 - (row + 0.5) / len(rows))
            figure.text(left - 0.1 / size[0], y, name, ha="right", va="center", fontsize=8)
    return figure
