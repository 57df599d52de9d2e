"""Reads which runs or checkpoints to evaluate, and how, from words of a command line."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_zoo.command_line import given_path
from gan_zoo.evaluation.config import Evaluation
from gan_zoo.latest_sweep import resolve_all
from gan_zoo.run_folder import folders_below, run_above
from gan_zoo.schema import ConfigError, suggest

_KEYS = ("metrics", "num_samples", "seed", "cache", "device", "dataset.root")


@dataclasses.dataclass(frozen=True)
class EvalArgs:
    """Runs or checkpoints to evaluate, and how.

    Attributes:
        root: of the dataset's files, which were moved after training; empty if they were not.
    """

    runs: tuple[Path, ...]
    settings: Evaluation
    device: str
    root: str = ""


def parse(words: Sequence[str]) -> EvalArgs:
    """Parse a command line: KEY=VALUE with a known KEY is a setting, every other word a run.

    A run's folder may contain an equals sign, such as ./seed=0. The folder of a sweep stands for
    its runs that have checkpoints. Raises ConfigError for a setting of a wrong type, or a run that
    does not exist, or a word that is neither.
    """
    values = {key: text for key, _, text in (word.partition("=") for word in words) if key in _KEYS}
    paths = [given_path(word) for word in words if word.partition("=")[0] not in _KEYS]
    runs = tuple(run for path in resolve_all(paths) for run in _runs_of(path))
    for run in runs:
        if not run.exists():
            raise _missing(run)
    if not runs:
        raise _no_runs(words)
    device, root = values.pop("device", "cpu"), values.pop("dataset.root", "")
    settings = Evaluation(**{key: _value(key, text) for key, text in values.items()})
    return EvalArgs(runs, settings, device, root)


def _no_runs(words: Sequence[str]) -> ConfigError:
    """Return the error of a command line without a run; seed=0 may be meant as a folder."""
    for word in words:
        if Path(word).exists():
            return ConfigError("run", word, f"is a setting here; type ./{word} for the folder")
    return ConfigError("run", "", "name at least one run's folder or checkpoint")


def _missing(run: Path) -> ConfigError:
    """Return the error of a word that is no setting, and names no run that exists."""
    key, equals, text = str(run).partition("=")
    if (name := key.lstrip("-")) != key and name.replace("-", "_") in _KEYS:
        allowed = f"settings have no dashes: type {name.replace('-', '_')}={text or 'VALUE'}"
        return ConfigError("run", run, allowed)
    if equals and key.isidentifier():
        allowed = f"is neither a setting nor a run's folder; {suggest(key, _KEYS)}"
        return ConfigError(key, text, allowed)
    advice = run_above(run) or f"; settings are {', '.join(f'{key}=' for key in _KEYS)}"
    return ConfigError("run", run, f"does not exist{advice}")


def _runs_of(path: Path) -> list[Path]:
    """Return a run or checkpoint itself, or else all runs with checkpoints below a folder."""
    if (path / "checkpoints").is_dir():
        return [path]
    below = sorted(run for run in folders_below([path]) if any(run.glob("checkpoints/*.pt")))
    return below or [path]  # a folder without any is refused when it is evaluated


def _value(key: str, text: str) -> Any:
    """Convert a setting; text of a wrong type is left for `Evaluation` to refuse."""
    if key == "metrics":
        return tuple(text.strip("[]").replace(" ", "").split(","))
    if key in ("num_samples", "seed") and text.removeprefix("-").isdecimal():
        return int(text)
    if key == "cache" and text == "null":  # no folder, as in training
        return None
    return text
