"""The words of an evaluation's command line; no torch."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from gan_zoo.command_line import given_path
from gan_zoo.latest import resolve_all
from gan_zoo.metrics.evaluation import Evaluation
from gan_zoo.schema import SettingError

_KEYS = ("metrics", "n", "seed", "cache", "device")


@dataclasses.dataclass(frozen=True)
class Asked:
    """Runs or checkpoints to evaluate, and how."""

    runs: tuple[Path, ...]
    settings: Evaluation
    device: str


def parse(words: Sequence[str]) -> Asked:
    """KEY=VALUE with a known KEY is a setting; every other word is a run.

    A run's folder may well hold an equals sign: ./seed=0 is one. Raises SettingError for a setting
    of a wrong kind, or a run that does not exist.
    """
    pairs = {key: text for key, sign, text in (w.partition("=") for w in words) if key in _KEYS}
    paths = [given_path(word) for word in words if word.partition("=")[0] not in _KEYS]
    runs = tuple(resolve_all(paths))
    for run in runs:
        if not run.exists():
            keys = ", ".join(f"{key}=" for key in _KEYS)
            raise SettingError("run", run, f"does not exist; settings are {keys}")
    if not runs:
        raise SettingError("run", "", "name at least one run's folder or checkpoint")
    device = pairs.pop("device", "cpu")
    values = {key: _READ.get(key, str)(text) for key, text in pairs.items()}
    return Asked(runs, Evaluation(**values), device)


def _whole(text: str) -> int | str:
    """A whole number, or the text itself for the settings to complain of."""
    return int(text) if text.removeprefix("-").isdecimal() else text


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.strip("[]").replace(" ", "").split(","))


_READ = {"n": _whole, "seed": _whole, "metrics": _names}
