"""Build a report: read runs, compare them, and write the page, the Markdown, CSV and figures."""

import dataclasses
import logging
import os
import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from gan_zoo.atomic_write import atomic_write, write_text
from gan_zoo.command_line import error_message, from_here
from gan_zoo.report.comparison import Comparison, compare
from gan_zoo.report.curve_figures import gradients, learning, losses, scores
from gan_zoo.report.factors import format_value
from gan_zoo.report.figure_style import drawing, save_png
from gan_zoo.report.html import render_html
from gan_zoo.report.markdown import configurations_csv, markdown, runs_csv
from gan_zoo.report.metric_choice import choose_metric
from gan_zoo.report.read_runs import read_runs, require_runs
from gan_zoo.report.run_status import run_status
from gan_zoo.report.runs import Run
from gan_zoo.report.sample_sheets import sheets
from gan_zoo.report.sweep_figures import heat_map, intervals, sweep
from gan_zoo.report.tradeoff_figures import cost, diversity
from gan_zoo.schema import ConfigError, at_home

log = logging.getLogger(__name__)

_FIGURES = (intervals, sweep, heat_map, learning, diversity, cost, losses, scores, gradients)


def write_report(
    roots: Sequence[Path],
    out: Path | str | None = None,
    *,
    metric: str | None = None,
    lower_is_better: bool | None = None,
    baseline: Mapping[str, Any] | None = None,
    refresh: int | None = None,
) -> tuple[Path, Comparison]:
    """Write report.html, report.md, table.csv, runs.csv and figures/ about all runs below roots.

    Args:
        roots: run folders, or folders that hold some at any depth.
        out: output folder; by default `report` in the common parent of the roots.
        metric: the tag to compare by; by default a metric/* that all finished runs have.
        lower_is_better: of the metric; None to go by its name.
        baseline: factors and values of what the others are compared with.
        refresh: seconds after which the page reloads itself.

    Returns the page's path and its content. Raises ConfigError for a wrong setting.
    """
    runs, unreadable = read_runs(roots)
    require_runs(runs, unreadable, roots)
    chosen = choose_metric(metric, lower_is_better, _tags_per_run(runs))
    typed = {key: format_value(value) for key, value in (baseline or {}).items()}
    content = compare(runs, unreadable, chosen, typed)
    common = Path(os.path.commonpath([root.resolve() for root in roots]))
    place = Path(at_home(str(out))) if out else common / "report"
    return _write(content, place, refresh), content


def report_sweep(folder: Path, metric: str | None = None) -> tuple[Path, Comparison] | None:
    """Report a sweep that has ended, and return the page's path and its content.

    metric: see `write_report`. A report that fails is logged in one line, never raised; None is
    returned.
    """
    try:
        page, comparison = write_report([folder], metric=metric)
        log.info("report: %s", os.path.relpath(page))
        return page, comparison
    except Exception as error:  # the runs are done: a bug of the report must not hide that
        command = from_here("scripts/report.py", str(folder))
        log.warning("no report: %s; try again: %s", error_message(error), command)
        return None


def figures(comparison: Comparison) -> dict[str, tuple[Figure, str]]:
    """Plot every figure that the comparison has the numbers for: name -> (figure, caption)."""
    found = {}
    several = len(comparison.datasets) > 1
    for i, (dataset, peers) in enumerate(comparison.datasets.items()):
        part = dataclasses.replace(comparison, configurations=tuple(peers))
        for make in _FIGURES:
            with drawing():
                made = make(part)
            if made is not None:
                figure, caption = made
                name = f"{make.__name__}_{i}" if several else make.__name__
                found[name] = (figure, f"{dataset}: {caption}" if several else caption)
    return found


def _tags_per_run(runs: Sequence[Run]) -> list[set[str]]:
    """Tags of each run that ended, without those that failed before any metric was measured."""
    ended = [each for each in (run_status(run, None) for run in runs) if each.ended]
    tags = [(each, set(each.run.metrics)) for each in ended]
    return [
        found
        for each, found in tags
        if not each.failure or any(tag.startswith("metric/") for tag in found)
    ]


def _write(content: Comparison, out: Path, refresh: int | None) -> Path:
    made = figures(content)
    try:
        (out / "figures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("--out", out, f"cannot be written to: {error.strerror}") from None
    _remove_others(out / "figures", made)
    for name, (figure, _) in made.items():
        _save(figure, out / "figures" / name)
    captions = {name: caption for name, (_, caption) in made.items()}
    write_text(out / "report.md", markdown(content, captions))
    write_text(out / "table.csv", configurations_csv(content))
    write_text(out / "runs.csv", runs_csv(content))
    page = out / "report.html"
    write_text(page, render_html(content, captions, sheets(content), out, refresh))
    return page


def _remove_others(folder: Path, made: Container[str]) -> None:
    """Delete figures that an earlier report wrote and this one does not; keep all other files."""
    names = "|".join(make.__name__ for make in _FIGURES)
    for path in folder.iterdir():
        if re.fullmatch(rf"({names})(_\d+)?\.(png|svg)", path.name) and path.stem not in made:
            path.unlink()


def _save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG and SVG; path is without suffix."""
    with drawing():
        with atomic_write(path.with_suffix(".svg")) as file:
            figure.savefig(file, format="svg", metadata={"Date": None})
        figure.set_layout_engine("none")  # the layout is done, and takes a fifth of the time
        save_png(figure, path.with_suffix(".png"))
