"""Factors: which settings differ between runs, which repeat a run, and which are equal."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from gan_zoo.report.runs import Run
from gan_zoo.setting_keys import DATA_ACCESS, key_of

REPLICATE = "seed"
ABSENT = "(none)"
# settings that change what is written, or where it runs, but not what is trained
IGNORED = (
    "log_every", "min_log_interval", "sample_every", "checkpoint_every", "evaluate_every",
    "evaluation", "device", "devices", "threads",
    "resume", "sweep", "allow_changes", "retry_failed", "stack",
    *DATA_ACCESS,  # another root may hold other data
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Factors:
    """How a set of runs differs.

    Attributes:
        factors: keys that together distinguish all configurations, swept keys first.
        covarying: other keys that differ, as a consequence of the factors or beside them; without
            those that all runs take from another setting or choice.
        ignored: keys that differ without changing what is trained.
        equal: keys and values that all runs share.
    """

    factors: tuple[str, ...]
    covarying: tuple[str, ...]
    ignored: tuple[str, ...]
    equal: Mapping[str, Any]


def find_factors(runs: Sequence[Run]) -> Factors:
    """Find what distinguishes runs.

    Factors are chosen greedily: keys of the command line before choices of a file before single
    settings, each only if it distinguishes configurations that the ones before it do not. So with
    loss=gan,wgan the optimizer of wgan's recipe is covarying.
    """
    seen = [run.keys for run in runs]
    keys = dict.fromkeys(key for each in seen for key in each)
    columns = {key: [canonical(each.get(key)) for each in seen] for key in keys}
    differing = [key for key in keys if len(set(columns[key])) > 1 and key != REPLICATE]
    trained = [key for key in differing if not _is_ignored(key)]
    trained.sort(key=_rank(runs))
    factors = _distinguishing(trained, columns, [identity(run) for run in runs])
    return Factors(
        factors=tuple(factors),
        covarying=tuple(key for key in trained if key not in factors and not _follows(key, runs)),
        ignored=tuple(key for key in differing if _is_ignored(key)),
        equal={key: seen[0].get(key) for key in keys if len(set(columns[key])) == 1},
    )


def telling_apart(runs: Sequence[Run], texts: Sequence[str], prefix: str) -> list[str]:
    """Return settings by which runs differ just as by their texts; [] where none do.

    prefix: of their keys, such as "dataset."; they are chosen as factors are.
    """
    found = dict.fromkeys(key for run in runs for key in run.keys)
    keys = [key for key in found if key.startswith(prefix) and not _is_ignored(key)]
    columns = {key: [canonical(run.keys.get(key)) for run in runs] for key in keys}
    chosen = _distinguishing(sorted(keys, key=_rank(runs)), columns, texts)
    rows = {*zip(*(columns[key] for key in chosen), strict=True)}
    return chosen if len(rows) == len({*texts}) else []


def identity(run: Run) -> str:
    """Return text that is equal for runs that differ by their seed at most.

    A setting that is null equals one that is absent, as in a run of an earlier version.
    """
    given = {key: value for key, value in run.settings.items() if value is not None}
    trained = {key: value for key, value in given.items() if not _is_ignored(key)}
    return canonical({key: value for key, value in trained.items() if key != REPLICATE})


def canonical(value: Any) -> str:
    """Return text that is equal for equal values only: 1 is 1.0, but neither "1" nor true."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def format_value(value: Any) -> str:
    """Format a value as on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return str(value)


def is_value(value: Any, text: str) -> bool:
    """Return whether text, as on the command line, is a setting's value: 1e-4 is 0.0001."""
    if format_value(value) == text:
        return True
    try:
        typed = yaml.safe_load(text)
        typed = float(typed) if isinstance(typed, str) else typed  # YAML reads 1e-4 as text
    except (ValueError, yaml.YAMLError):
        return False
    return not isinstance(value, str) and canonical(typed) == canonical(value)


def _follows(key: str, runs: Sequence[Run]) -> bool:
    """Return whether a key, in each run that has it, is taken from another setting or choice.

    A choice for a part of another one (regularizer@regularizer.parts.r1) is, unless it was typed.
    """
    typed = (key_of(word) for run in runs for word in run.overrides)
    made = "@" in key and key not in typed
    return made or all(key in run.references for run in runs if key in run.keys)


def _is_ignored(key: str) -> bool:
    return key in IGNORED or key.partition(".")[0] in IGNORED


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    return value if isinstance(value, (str, bool, int, float, type(None))) else str(value)


def _distinguishing(
    keys: Sequence[str], columns: Mapping[str, list[str]], wanted: Sequence[str]
) -> list[str]:
    """Choose keys, the first ones first, whose columns together are as fine as `wanted`."""
    factors: list[str] = []
    rows: list[tuple] = [() for _ in wanted]
    for key in keys:
        finer = [(*row, value) for row, value in zip(rows, columns[key], strict=True)]
        splits_none = len({*zip(wanted, columns[key], strict=True)}) == len({*wanted})
        if splits_none and len({*rows}) < len({*finer}):
            factors.append(key)
            rows = finer
    return factors


def _rank(runs: Sequence[Run]) -> Callable[[str], tuple[int, int]]:
    """Sort swept keys by their order on the command line, then choices, then settings by depth."""
    words = (key_of(word) for run in runs for word in run.overrides)
    swept = list(dict.fromkeys(words))
    choices = {key for run in runs for key in run.choices}

    def rank(key: str) -> tuple[int, int]:
        if key in swept:
            return (0, swept.index(key))
        if key in choices:
            return (1, 0)
        return (2 + key.endswith("_target_"), key.count("."))

    return rank
