"""The results of a study as CSV: one row for each run, with the command that repeats it."""

import functools
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import Any

from gan_zoo.launch.overrides import is_sweep, parsed
from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.report.read_runs import read_runs
from gan_zoo.report.result_rows import (
    MACHINE,
    Row,
    command_settings,
    origin_columns,
    read_csv,
    write_csv,
)
from gan_zoo.report.runs import Run
from gan_zoo.resumed_run import RESUMABLE_KEYS
from gan_zoo.schema import ConfigError
from gan_zoo.setting_keys import DATA_ROOT, key_of, latest
from gan_zoo.studies.plan import Study

# those of a run, in the order of the columns
METRICS = (
    *("modes", "high_quality", "reverse_kl", "jsd", "sliced_wasserstein"),
    *("frechet", "precision", "recall", "classes_covered", "largest_share"),
    *("label_accuracy", "classification_error"),
)
DIAGNOSTICS = ("margin/satisfied", "critic/lipschitz_lower_bound", "critic/auroc")
FACTS = ("health", "steps", "seconds", "stacked", "device", "git_commit", "torch", "command")
_THREADS = "threads"  # a fact that older rows lack; other numbers make convolutions round otherwise
_CHOICES = ("dataset", "architecture", "loss", "recipe", "regularizer", "optimizer")
_DIGITS = 6  # significant ones: more are rounding
_NO_SETTINGS = {*RESUMABLE_KEYS, DATA_ROOT, "seed"}

Curves = Mapping[str, Sequence[int]]  # steps at which values of a tag are kept


def write_results(folders: Mapping[str, Path], curves: Curves, path: Path) -> int:
    """Write the runs that have ended below the folders of a study's sweeps; return their number.

    Args:
        folders: by the name of the sweep's part.
        curves: steps at which values of a tag are kept, too, as columns TAG@STEP.
        path: of the CSV file.
    """
    runs = [(part, run) for part, folder in folders.items() for run in ended_runs(folder)]
    settings = _setting_columns([run for _, run in runs])
    rows = [
        {"part": part, **_settings(run, settings), "seed": run.seed, **_numbers(run, curves)}
        | _facts(run)
        for part, run in runs
    ]
    # a run that a sweep trained again under another name is the same run
    rows = [*{(row["part"], _words(row["command"])): row for row in rows}.values()]
    numbers = [*METRICS, *DIAGNOSTICS, *_curve_columns(curves)]
    write_csv(path, ["part", *settings, "seed", *_used([*numbers, _THREADS], rows), *FACTS], rows)
    return len(rows)


def merge_results(added: Path, path: Path, parts: Sequence[str]) -> tuple[int, int]:
    """Add rows of a CSV file to another one, which need not exist.

    Rows with the same part and the same words of a command are replaced, whatever words there are
    about the machine and the place of the data; a setting is a column where it varies.

    Args:
        added: a file as `write_results` writes it.
        path: another one, which is changed.
        parts: of the study, by which rows are sorted.

    Returns how many rows are new, and how many are replaced.
    """
    old, new = (read_csv(each) if each.exists() else [] for each in (path, added))
    merged = {(row["part"], _words(row["command"])): row for row in (*old, *new)}
    order = {part: number for number, part in enumerate(parts)}
    rows = sorted(merged.values(), key=lambda row: order.get(row["part"], len(order)))
    columns = dict.fromkeys(key for row in (*old, *new) for key in row)
    numbers = [*METRICS, *DIAGNOSTICS, *(key for key in columns if "@" in key)]
    settings = [key for key in columns if key not in ("part", "seed", _THREADS, *numbers, *FACTS)]
    rows = [{**_typed_values(row, settings), **row} for row in rows]
    known = {key: {row[key] for row in rows if key in row} for key in settings}
    varied = [key for key in settings if key == "loss" or len(known[key]) > 1]
    used = _used([*numbers, _THREADS], rows)
    write_csv(path, ["part", *_in_order(varied), "seed", *used, *FACTS], rows)
    return len(merged) - len(old), len(old) + len(new) - len(merged)


def check_rows(path: Path, study: Study) -> None:
    """Raise ConfigError for a run that was not trained as the full budget of a study says.

    Swept settings may have values of their own, and so may data, seeds and machines.
    """
    planned = {
        sweep.part: {key_of(word): word for word in sweep.words} for sweep in study.sweeps("full")
    }
    for row in read_csv(path):
        words = planned.get(row["part"], {})
        for key, setting in command_settings(row["command"]).items():
            word = words.get(key, "")
            if key in (*MACHINE, "seed") or (not word and key.startswith("dataset.")):
                continue
            if not _is_planned(f"{key}={setting}", word):
                allowed = f"is not in the study, which has {word or 'no such word'}"
                raise ConfigError(key, setting, f"{allowed}; the page has its runs only")


@functools.cache  # rows have the same words, and Hydra's parser is slow
def _is_planned(word: str, planned: str) -> bool:
    """Return whether a word has the planned value; a sweep writes True where true was planned."""
    if is_sweep(planned):
        return True
    ours, theirs = (parsed(each.replace("\\", "")) for each in (word, planned))
    return ours is not None and theirs is not None and ours.value() == theirs.value()


def _words(command: str) -> tuple[str, ...]:
    """Return the words after its program that say what was trained, not where."""
    words = dropwhile(lambda w: "=" not in w and not w.startswith("~"), shlex.split(command))
    return tuple(word for word in words if key_of(word) not in MACHINE)


def _typed_values(row: Row, keys: Iterable[str]) -> Row:
    """Return the settings with these keys that the command of a row has."""
    typed = command_settings(row["command"])
    return {key: typed[key] for key in keys if key in typed}


def _used(names: Iterable[str], rows: Sequence[Row]) -> list[str]:
    return [name for name in names if any(row.get(name) for row in rows)]


def ended_runs(folder: Path) -> list[Run]:
    """Read the runs of a sweep that have finished or failed; none where it has not begun."""
    if not folder.is_dir():
        return []
    try:
        runs, _ = read_runs([folder])
    except ConfigError:  # a folder without runs
        return []
    return [run for run in runs if run.summary is not None or run.failed]


def _setting_columns(runs: Sequence[Run]) -> list[str]:
    """List choices and typed settings: all of them, as those of other runs may vary in others."""
    typed = {key for run in runs for key in _typed(run)} - {*_CHOICES} - _NO_SETTINGS
    return _in_order([*typed, *(key for key in _CHOICES if any(run.keys.get(key) for run in runs))])


def _in_order(keys: Iterable[str]) -> list[str]:
    """Sort keys: choices come first."""
    first = {key: number for number, key in enumerate(_CHOICES)}
    return sorted(keys, key=lambda key: (first.get(key, len(first)), key))


def _typed(run: Run) -> list[str]:
    names = map(key_of, latest(run.overrides))
    return [name for name in names if "@" not in name and not name.startswith("evaluation.")]


def _settings(run: Run, keys: Iterable[str]) -> dict[str, str]:
    return {key: setting_text(run.keys.get(key)) for key in keys}


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
        _THREADS: summary.get("threads", ""),
        "torch": (summary.get("versions") or {}).get("torch", ""),
        **origin_columns(summary),
    }


def setting_text(value: Any) -> str:
    """Return a setting as text; empty for None."""
    return "" if value is None else str(value)


def _number(value: float, digits: int = _DIGITS) -> str:
    return f"{value:.{digits}g}" if math.isfinite(value) else ""
