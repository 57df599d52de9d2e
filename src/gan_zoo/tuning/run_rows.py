"""The runs of a search as a small CSV file: settings, metrics, health, and where they came from."""

import csv
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.report.metric_choice import Metric, choose_metric
from gan_zoo.report.result_rows import (
    MACHINE,
    Row,
    command_settings,
    origin_columns,
    read_csv,
    write_csv,
)
from gan_zoo.run_folder import diverged, finished_summary
from gan_zoo.schema import ConfigError
from gan_zoo.setting_keys import key_of
from gan_zoo.tuning.random_search import PlannedRun

FRESH = "-fresh"  # end of the name of a file with fresh seeds
_ENDS = ("health", "steps", "seconds", "device", "git_commit", "command")


def run_row(run: PlannedRun, folder: Path) -> dict[str, str] | None:
    """Return the row of a run; None if it has not finished."""
    summary = finished_summary(folder, 0)
    if summary is None:
        return None
    return {
        "loss": run.loss,
        "recipe": run.recipe,
        "seed": str(run.seed),
        **dict(word.split("=", 1) for word in run.settings),
        **dict(_metrics(summary.get("last") or {})),
        "health": str(summary.get("health") or ""),
        "steps": str(summary["steps"]),
        "seconds": f"{summary.get('seconds', math.nan):.0f}",
        **origin_columns(summary),
    }


def _metrics(last: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield the tag, without the suffix of a dataset, and the value of each metric."""
    for tag, value in last.items():
        metric = find_metric(tag)
        if metric and tag.startswith("metric/"):
            yield metric.tag(), "" if value is None else f"{value:.5g}"


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV; a column that a row lacks is empty there."""
    keys = dict.fromkeys(key for row in rows for key in row)
    settings = [key for key in keys if key not in _ENDS and "metric/" not in key]
    write_csv(path, [*settings, *(key for key in keys if "metric/" in key), *_ENDS], rows)


def finished_rows(runs: Sequence[PlannedRun], folder: Path, path: Path) -> dict[PlannedRun, Row]:
    """Return the rows of the runs that have finished in a folder, or that a CSV file has.

    Raises ConfigError for a run that was trained with other words.
    """
    saved = {(row["loss"], row["recipe"], row["seed"]): row for row in _saved(path)}
    found = {}
    for run in runs:
        row = run_row(run, folder / run.name)
        if row is None:
            row = saved.get((run.loss, run.recipe, str(run.seed)))
        if row is not None:
            _check_words(run, row, folder if (folder / run.name).is_dir() else path)
            found[run] = row
    return found


def write_results(runs: Sequence[PlannedRun], folder: Path, path: Path) -> int:
    """Write the rows of the finished runs, and return their number.

    Other rows are kept, of fresh seeds those of other losses only: the best trial may have changed.
    """
    rows = [*finished_rows(runs, folder, path).values()]
    losses, given = {run.loss for run in runs}, {(r.loss, r.recipe, str(r.seed)) for r in runs}
    others = [row for row in _saved(path) if (row["loss"], row["recipe"], row["seed"]) not in given]
    if path.stem.endswith(FRESH):
        others = [row for row in others if row["loss"] not in losses]
    if rows or others:
        order = list(dict.fromkeys(row["loss"] for row in (*rows, *others)))
        write_rows(path, sorted([*rows, *others], key=lambda row: order.index(row["loss"])))
    return len(rows)


def _saved(path: Path) -> list[Row]:
    return read_rows(path) if path.is_file() else []


def _check_words(run: PlannedRun, row: Row, source: Path) -> None:
    """Raise ConfigError if the command of a row differs in more than the machine's own words."""
    before = [word for word in shlex.split(row["command"]) if "=" in word]
    own = f"{source} has this search with"
    for word in _others(run.overrides, before):
        allowed = f"{own} other words: delete it, or leave this one out"
        raise ConfigError(*word.split("=", 1), allowed)
    for word in _others(before, run.overrides):
        raise ConfigError(*word.split("=", 1), f"{own} this word: delete it, or type this one, too")


def check_keys(run: PlannedRun, row: Row, source: Path) -> None:
    """Raise ConfigError if the command of a row sets what a run with fresh seeds would not."""
    known = command_settings(shlex.join(run.overrides))
    for key, setting in command_settings(row["command"]).items():
        if key not in known and key not in MACHINE:
            allowed = f"{source} has this search with this word: type it, or another value, too"
            raise ConfigError(key, setting, allowed)


def _others(words: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return the words that are not among known ones, without those of a machine."""
    new = (word for word in words if word not in known)
    return [word for word in new if key_of(word) not in MACHINE]


def read_rows(path: Path) -> list[Row]:
    """Read what `write_rows` wrote. Raises ConfigError for a missing file."""
    if not path.is_file():
        raise ConfigError("--results", path, "does not exist: run the search first")
    return read_csv(path)


def searched_datasets(folder: Path) -> list[str]:
    """Return the names of the datasets with CSV files of a search, or of fresh seeds, in a folder.

    A CSV file of the user's own, without the columns of runs, is none.
    """
    names = set()
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            columns = next(csv.reader(file), [])
        if {"loss", "recipe", "seed", "health"} <= {*columns}:
            names.add(path.stem.removesuffix(FRESH))
    return sorted(names)


def primary_metric(rows: Sequence[Row]) -> Metric | None:
    """Return the metric by which runs are compared; None if no run has any, as all diverged."""
    return choose_metric(None, None, [{key for row in rows for key in row}])


def no_value(rows: Sequence[Row]) -> str:
    """Say why runs have nothing to be compared by."""
    count = sum(bool(diverged(row)) for row in rows)
    return f"no trial has a value: {count} of {len(rows)} diverged"


def value(row: Row, metric: Metric) -> float | None:
    """Return the metric of a run; None for one that diverged."""
    cell = row.get(metric.tag)
    return None if not cell or diverged(row) or not math.isfinite(float(cell)) else float(cell)


def best_rows(rows: Sequence[Row]) -> dict[str, Row]:
    """Return the best run of each loss that has any with a value."""
    metric = primary_metric(rows)
    if metric is None:
        return {}
    found: dict[str, Row] = {}
    known = [(number, row) for row in rows if (number := value(row, metric)) is not None]
    for _, row in sorted(known, key=lambda each: each[0], reverse=not metric.lower_is_better):
        found.setdefault(row["loss"], row)
    return found


def settings_of(row: Row) -> list[str]:
    """Return the words of a run's settings."""
    known = {"loss", "recipe", "seed", *_ENDS}
    return [
        f"{key}={cell}"
        for key, cell in row.items()
        if cell and key not in known and not key.startswith("metric/")
    ]
