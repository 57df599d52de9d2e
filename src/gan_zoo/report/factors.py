"""What varied between runs, what is a mere repetition, and what was equal."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gan_zoo.report.runs import Run

REPLICATE = "seed"
# settings that change what is written, or where it runs, but not what is trained
_IMMATERIAL = (
    "log_every", "log_seconds", "sample_every", "checkpoint_every", "evaluate_every", "evaluation",
    "device", "resume", "sweep", "allow_changes", "dataset.download", "dataset.on_device",
    "dataset.workers", "dataset.cache",
)  # fmt: skip
ABSENT = "(none)"


@dataclasses.dataclass(frozen=True)
class Factors:
    """How a set of runs differs.

    Attributes:
        factors: keys that together tell every configuration apart, those swept first.
        covarying: keys that differ too, as a consequence of the factors or beside them.
        ignored: keys that differ without changing what is trained.
        equal: keys and values that all runs share.
    """

    factors: tuple[str, ...]
    covarying: tuple[str, ...]
    ignored: tuple[str, ...]
    equal: Mapping[str, Any]


def identity(run: Run) -> str:
    """Text that is equal for runs that differ by no more than their seed."""
    trained = {key: value for key, value in run.settings.items() if not _immaterial(key)}
    return canonical({key: value for key, value in trained.items() if key != REPLICATE})


def _immaterial(key: str) -> bool:
    return key in _IMMATERIAL or key.partition(".")[0] in _IMMATERIAL


def canonical(value: Any) -> str:
    """A value as text that is equal for equal values only: 1 is 1.0, but neither "1" nor true."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def format_value(value: Any) -> str:
    """A value as on the command line."""
    if isinstance(value, bool) or value is None:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    return value if isinstance(value, (str, bool, int, float, type(None))) else str(value)


def find_factors(runs: Sequence[Run]) -> Factors:
    """What told these runs apart.

    Factors are chosen greedily: keys of the command line before choices of a file before single
    settings, each only if it tells configurations apart that the ones before it do not. So with
    loss=gan,wgan the optimizer that wgan's recipe brings is a follower.
    """
    seen = [run.keys for run in runs]
    keys = dict.fromkeys(key for each in seen for key in each)
    columns = {key: [canonical(each.get(key)) for each in seen] for key in keys}
    differing = [key for key in keys if len(set(columns[key])) > 1 and key != REPLICATE]
    material = [key for key in differing if not _immaterial(key)]
    material.sort(key=_rank(runs))
    factors = _telling(material, columns, [identity(run) for run in runs])
    return Factors(
        factors=tuple(factors),
        covarying=tuple(key for key in material if key not in factors),
        ignored=tuple(key for key in differing if _immaterial(key)),
        equal={key: seen[0].get(key) for key in keys if len(set(columns[key])) == 1},
    )


def _telling(
    keys: Sequence[str], columns: Mapping[str, list[str]], wanted: Sequence[str]
) -> list[str]:
    """Keys, the first ones first, whose columns together are as fine as the wanted partition."""
    factors: list[str] = []
    told: list[tuple] = [() for _ in wanted]
    for key in keys:
        finer = [(*known, value) for known, value in zip(told, columns[key], strict=True)]
        splits_none = len({*zip(wanted, columns[key], strict=True)}) == len({*wanted})
        if splits_none and len({*told}) < len({*finer}):
            factors.append(key)
            told = finer
    return factors


def _rank(runs: Sequence[Run]) -> Callable[[str], tuple[int, int]]:
    """Swept keys in their order on the command line, choices, settings from the outside in."""
    words = (word.lstrip("+~").partition("=")[0] for run in runs for word in run.overrides)
    swept = list(dict.fromkeys(words))
    choices = {key for run in runs for key in run.choices}

    def rank(key: str) -> tuple[int, int]:
        if key in swept:
            return (0, swept.index(key))
        if key in choices:
            return (1, 0)
        return (2 + key.endswith("_target_"), key.count("."))

    return rank
