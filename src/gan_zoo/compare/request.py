"""The words of `gan-zoo compare`: its own settings, and overrides of training. No torch."""

import dataclasses
import re
from collections.abc import Iterable, Sequence

from gan_zoo.schema import ConfigError, suggest

DRY_RUN = "--dry-run"
# The first is the baseline of the report. Where time is short, the last ones are left out: their
# recipes (spectral norm, clipped weights) seem to need more steps; wgan makes the most updates.
# not glsgan, which is ls_gan at its default slope
DEFAULT_LOSSES = ("gan", "lsgan", "ls_gan", "hinge", "relativistic_average", "wgan")
DEFAULT_SEEDS = 3
MAX_SEEDS = 10
_OWN = ("budget", "losses", "seeds")
_INSTEAD = {"loss": "losses=gan,hinge", "seed": "seeds=3, a number of seeds"}
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LEAST = 30  # seconds: the imports, the measurements and the report take as long


@dataclasses.dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        budget: seconds for everything: measurements, training and the report.
        losses: to compare, in order of importance.
        seeds: of each loss.
        fixed_losses: whether the losses were named, so that none is left out.
        fixed_seeds: whether the number of seeds was named.
        steps: of each run, if named.
        evaluate_every: steps between evaluations, if named.
        dry_run: whether to print the plan without training.
        words: overrides of every run.
        own_words: what was given of budget, losses and seeds.
    """

    budget: float = 3600.0
    losses: tuple[str, ...] = DEFAULT_LOSSES
    seeds: int = DEFAULT_SEEDS
    fixed_losses: bool = False
    fixed_seeds: bool = False
    steps: int | None = None
    evaluate_every: int | None = None
    dry_run: bool = False
    words: tuple[str, ...] = ()
    own_words: tuple[str, ...] = ()


def parse_request(words: Sequence[str], losses: Iterable[str]) -> Request:
    """Parse a command line; losses: the names that exist. Raises ConfigError for a mistake."""
    own = {key: value for key, value in map(_pair, words) if key in _OWN}
    rest = [word for word in words if _pair(word)[0] not in _OWN and word != DRY_RUN]
    for word in rest:
        _check_override(word)
    named, count = own.get("losses"), own.get("seeds")
    return Request(
        budget=parse_duration(own.get("budget", "1h")),
        losses=DEFAULT_LOSSES if named is None else _parse_losses(named, losses),
        seeds=DEFAULT_SEEDS if count is None else _parse_seeds(count),
        fixed_losses=named is not None,
        fixed_seeds=count is not None,
        steps=_parse_count("steps", rest),
        evaluate_every=_parse_count("evaluate_every", rest),
        dry_run=DRY_RUN in words,
        words=tuple(rest),
        own_words=tuple(word for word in words if _pair(word)[0] in _OWN),
    )


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as 90s, 10m, 1h or 1h30m. Raises ConfigError."""
    parts = re.findall(r"(\d{1,6}(?:\.\d{1,6})?)([dhms])", text)
    if not parts or "".join(map("".join, parts)) != text:
        raise ConfigError("budget", text, "must be a time such as 90s, 10m, 1h or 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds < _LEAST:
        raise ConfigError("budget", text, f"must be at least {_LEAST}s")
    return seconds


def format_duration(seconds: float) -> str:
    """Format seconds as they are typed: 90s, 10m, 1h30m."""
    parts, left = [], round(seconds)
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def has_key(words: Sequence[str], key: str) -> bool:
    """Return whether overrides set a key, or a key below it."""
    names = [word.partition("=")[0].lstrip("+") for word in words]
    return any(name == key or name.startswith(f"{key}.") for name in names)


def has_data(words: Sequence[str]) -> bool:
    """Return whether overrides name the data."""
    return has_key(words, "dataset") or has_key(words, "experiment")


def _pair(word: str) -> tuple[str, str]:
    key, _, value = word.partition("=")
    return key, value


def _check_override(word: str) -> None:
    key, value = _pair(word)
    if word.startswith("-"):
        raise ConfigError(word, "", f"is no option; {DRY_RUN} prints the plan, --help explains")
    if key in _INSTEAD:
        raise ConfigError(key, value, f"compare chooses it for each run; type {_INSTEAD[key]}")
    if "=" not in word:
        allowed = "is no setting; settings are typed as KEY=VALUE, such as dataset.root=photos"
        raise ConfigError(word, "", allowed)
    if word.lstrip("+") == "evaluate_every=0":
        raise ConfigError(key, value, "without evaluations there is nothing to compare by")


def _parse_losses(text: str, known: Iterable[str]) -> tuple[str, ...]:
    names, known = tuple(text.split(",")), tuple(known)
    for name in names:
        if name not in known:
            raise ConfigError("losses", name, suggest(name, known))
    if len(names) < 2 or len({*names}) < len(names):
        raise ConfigError(
            "losses", text, "must be two or more different losses, as losses=gan,wgan"
        )
    return names


def _parse_seeds(text: str) -> int:
    count = int(text) if text.isdecimal() and len(text) < 4 else 0
    if not 2 <= count <= 100:
        allowed = "must be a number of seeds from 2 to 100: one run of a loss may just be lucky"
        raise ConfigError("seeds", text, allowed)
    return count


def _parse_count(key: str, words: Iterable[str]) -> int | None:
    """Return a given number; a value that is none is left to the check of training."""
    values = [value for name, value in map(_pair, words) if name.lstrip("+") == key]
    known = values and re.fullmatch(r"\d+(_\d+)*", values[-1], re.ASCII)
    return int(values[-1]) or None if known else None
