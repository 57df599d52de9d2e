"""The results of a study as CSV: one row for each run, with the command that repeats it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.report.read_runs import read_runs
from gan_zoo.report.result_rows import origin, write_csv
from gan_zoo.report.runs import Run
from gan_zoo.run_folder import RESUMABLE_KEYS, latest
from gan_zoo.schema import ConfigError

# those of a run, in the order of the columns
METRICS = (
    *("modes", "high_quality", "reverse_kl", "jsd", "sliced_wasserstein"),
    *("frechet", "precision", "recall", "classes_covered", "largest_share"),
    *("label_accuracy", "classification_error"),
)
DIAGNOSTICS = ("margin/satisfied", "critic/lipschitz_lower_bound", "critic/auroc")
FACTS = ("health", "steps", "seconds", "stacked", "device", "git_commit", "torch", "command")
_CHOICES = ("dataset", "architecture", "loss", "recipe", "regularizer", "optimizer")
_DIGITS = 6  # significant ones: more are rounding
_NO_SETTINGS = {*RESUMABLE_KEYS, "seed", "dataset.root", "dataset.download"}

Curves = Mapping[str, Sequence[int]]  # steps at which values of a tag are kept


def write_results(folders: Mapping[str, Path], curves: Curves, path: Path) -> int:
    """Write the runs that have ended below the folders of a study's sweeps; return their number.

    Args:
        folders: by the name of the sweep's part.
        curves: steps at which values of a tag are kept, too, as columns TAG@STEP.
        path: of the CSV file.
    """
    runs = [(part, run) for part, folder in folders.items() for run in ended_runs(folder)]
    settings = _varied([run for _, run in runs])
    rows = [
        {"part": part, **_settings(run, settings), "seed": run.seed, **_numbers(run, curves)}
        | _facts(run)
        for part, run in runs
    ]
    numbers = [*METRICS, *DIAGNOSTICS, *_curve_columns(curves)]
    measured = [name for name in numbers if any(name in row for row in rows)]
    write_csv(path, ["part", *settings, "seed", *measured, *FACTS], rows)
    return len(rows)


def ended_runs(folder: Path) -> list[Run]:
    """Read the runs of a sweep that have finished or failed; none where it has not begun."""
    if not folder.is_dir():
        return []
    try:
        runs, _ = read_runs([folder])
    except ConfigError:  # a folder without runs
        return []
    return [run for run in runs if run.summary is not None or run.failed]


def _varied(runs: Sequence[Run]) -> list[str]:
    """List choices and typed settings that differ between runs; always the loss."""
    typed = {key for run in runs for key in _typed(run)} - {*_CHOICES} - _NO_SETTINGS
    values = {key: {text_of(run.keys.get(key)) for run in runs} for key in (*_CHOICES, *typed)}
    varied = [key for key, found in values.items() if key == "loss" or len(found) > 1]
    return [*(key for key in _CHOICES if key in varied), *sorted({*varied} - {*_CHOICES})]


def _typed(run: Run) -> list[str]:
    names = (word.partition("=")[0].lstrip("+~") for word in latest(run.overrides))
    return [name for name in names if "@" not in name and not name.startswith("evaluation.")]


def _settings(run: Run, keys: Iterable[str]) -> dict[str, str]:
    return {key: text_of(run.keys.get(key)) for key in keys}


def _numbers(run: Run, curves: Curves) -> dict[str, str]:
    """Return the last value of each number, and those along the curves."""
    found = {}
    for tag, value in run.metrics.items():
        metric = find_metric(tag)
        name = metric.name if metric else tag
        if name in (*METRICS, *DIAGNOSTICS):
            found[name] = _number(value)
    for tag, steps in curves.items():
        curve = run.curve(tag)
        pairs = zip(curve.steps, curve.values, strict=True) if curve else ()
        values = {int(step): float(value) for step, value in pairs}
        found |= {f"{tag}@{step}": _number(values[step]) for step in steps if step in values}
    return found


def _curve_columns(curves: Curves) -> list[str]:
    return [f"{tag}@{step}" for tag, steps in curves.items() for step in steps]


def _facts(run: Run) -> dict[str, Any]:
    """Return health, cost and origin of a run."""
    summary = run.summary or {}
    return {
        "health": f"failed: {run.failed}" if run.failed else summary.get("health", ""),
        "steps": summary.get("steps", ""),
        "seconds": _number(run.seconds, digits=3),
        "stacked": run.stacked,
        "torch": (summary.get("versions") or {}).get("torch", ""),
        **origin(summary),
    }


def text_of(value: Any) -> str:
    """Return a setting as text; empty for None."""
    return "" if value is None else str(value)


def _number(value: float, digits: int = _DIGITS) -> str:
    return f"{value:.{digits}g}" if math.isfinite(value) else ""
