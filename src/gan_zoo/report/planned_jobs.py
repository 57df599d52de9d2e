"""Jobs of a sweep that have not started, by the sweep's multirun.yaml. No Hydra."""

import itertools
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from gan_zoo.report.run_files import read_settings, read_yaml
from gan_zoo.run_folder import SWEEP_FILE, folders_below

_BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"  # runs the product of all words
_MOST_JOBS = 10_000
_SWEPT = re.compile(r"[\w.+-]+(,[\w.+-]+)+", re.ASCII)
_FIXED = re.compile(r"[^,(]*|\[[^\[\](]*\]")  # text, or one list


class SweepPlan(NamedTuple):
    """How many jobs a sweep has, and the swept words of those that have not started."""

    count: int
    not_started: list[str]


def read_plan(sweep: Path) -> SweepPlan | None:
    """Read the plan of the sweep in a folder, whose jobs are the folders below it.

    None where there is none, or where its words are not all plain values or lists of them.
    """
    try:
        hydra = read_settings(sweep / SWEEP_FILE)["hydra"]
        words = hydra["overrides"]["task"] if hydra["sweeper"]["_target_"] == _BASIC else []
        swept = _swept({key: value for key, _, value in (word.partition("=") for word in words)})
        paths = (folder / ".hydra/overrides.yaml" for folder in folders_below([sweep]))
        started = [_values(read_yaml(path), swept) for path in paths if path.is_file()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return None
    count = math.prod(map(len, swept.values()))
    if not swept or count > _MOST_JOBS:
        return None
    jobs = list(itertools.product(*swept.values()))
    waiting = [job for job in jobs if [*map(_plain, job)] not in started]
    return SweepPlan(
        count, [",".join(map("=".join, zip(swept, job, strict=True))) for job in waiting]
    )


def _swept(values: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the values of each swept key. Raises ValueError for a word that only Hydra reads."""
    swept = {key: text.split(",") for key, text in values.items() if _SWEPT.fullmatch(text)}
    if other := [key for key in values if key not in swept and not _FIXED.fullmatch(values[key])]:
        raise ValueError(f"{other[0]} is neither a value nor a list of plain values")
    return swept


def _values(overrides: Any, keys: Mapping[str, Any]) -> list[str | float | None]:
    """Return the values that a job's overrides have for these keys."""
    given = {key: value for key, _, value in (str(word).partition("=") for word in overrides)}
    return [_plain(given[key]) if key in given else None for key in keys]


def _plain(text: str) -> str | float:
    """Return a number, which Hydra may write otherwise than it was typed, or lower-case text."""
    try:
        return float(text)
    except ValueError:
        return text.lower()
