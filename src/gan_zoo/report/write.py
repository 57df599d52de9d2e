"""Folders of runs in, a folder with a report out."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gan_zoo.report.direction import choose
from gan_zoo.report.figures import figures, save
from gan_zoo.report.outcomes import outcome
from gan_zoo.report.page import page
from gan_zoo.report.plain_text import configurations_csv, markdown, runs_csv
from gan_zoo.report.runs import Run, read_runs
from gan_zoo.report.sheets import sheets
from gan_zoo.report.study import Study, study
from gan_zoo.schema import SettingError


def write_report(
    roots: Sequence[Path],
    out: Path | None = None,
    *,
    metric: str | None = None,
    lower_is_better: bool | None = None,
    baseline: Mapping[str, str] | None = None,
    refresh: int | None = None,
) -> tuple[Path, Study]:
    """Write report.html, report.md, table.csv, runs.csv and figures/ about all runs below roots.

    Args:
        roots: run folders, or folders that hold some at any depth.
        out: where to; by default the folder `report` in what the roots have in common.
        metric: the tag to compare by; by default a metric/* that all finished runs have.
        lower_is_better: of the metric, where its name does not tell.
        baseline: factors and values of what the others are compared with.
        refresh: seconds after which the page loads itself again.

    Returns the page's path and what it shows. Raises SettingError for a wrong setting.
    """
    runs, unreadable = read_runs(roots)
    if not runs:
        reasons = "; ".join(f"{each.name}: {each.reason}" for each in unreadable)
        raise SettingError("folder", ", ".join(map(str, roots)), f"no run can be read: {reasons}")
    chosen = choose(metric, lower_is_better, _measured(runs))
    content = study(runs, unreadable, chosen, baseline or {})
    out = out or Path(os.path.commonpath([root.resolve() for root in roots])) / "report"
    return _write(content, out, refresh), content


def _measured(runs: Sequence[Run]) -> list[set[str]]:
    """Tags of each run that ended, but for those that failed before anything was measured."""
    ended = [each for each in (outcome(run, None) for run in runs) if each.ended]
    tags = [(each, set(each.run.metrics)) for each in ended]
    return [
        found
        for each, found in tags
        if not each.failure or any(tag.startswith("metric/") for tag in found)
    ]


def _write(content: Study, out: Path, refresh: int | None) -> Path:
    drawn = figures(content)
    try:
        (out / "figures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError("--out", out, f"cannot be written to: {error.strerror}") from None
    for name, (figure, _) in drawn.items():
        save(figure, out / "figures" / name)
    captions = {name: caption for name, (_, caption) in drawn.items()}
    _replace(out / "report.md", markdown(content, captions))
    _replace(out / "table.csv", configurations_csv(content))
    _replace(out / "runs.csv", runs_csv(content))
    written = out / "report.html"
    _replace(written, page(content, drawn, sheets(content), out, refresh))
    return written


def _replace(path: Path, content: str) -> None:
    """Write a file whole: a reader sees the old one or the new one."""
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(content, encoding="utf-8", errors="backslashreplace", newline="")
    partial.replace(path)
