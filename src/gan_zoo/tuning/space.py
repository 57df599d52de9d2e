"""The space of a search, as Hydra types sweeps: KEY=interval(A,B,log), range(A,B), choice(A,B)."""

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gan_zoo import launch
from gan_zoo.schema import ConfigError
from gan_zoo.setting_keys import FOLDER_KEYS

if TYPE_CHECKING:
    from optuna.trial import Trial

EXAMPLE = "'optimizer.lr=interval(1e-5,1e-2,log)'"
_FUNCTION = re.compile(r"\w+\(.*\)", re.DOTALL)
_LOG = re.compile(r"interval\(([^()]*),\s*log\s*\)")
_ALLOWED = "must be interval(A,B), interval(A,B,log), range(A,B) or choice(A,B,C)"
_MAX_CORNERS = 64


@dataclasses.dataclass(frozen=True)
class NumberRange:
    """A setting that is searched from `low` to `high`, both included.

    Attributes:
        log: whether equal ratios, rather than equal differences, are equally likely.
        step: between two possible values; None for all values.
    """

    key: str
    low: float
    high: float
    log: bool = False
    step: float | None = None

    def suggest(self, trial: "Trial") -> float:
        """Return the value of this setting in a trial."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            step = int(self.step or 1)
            return trial.suggest_int(self.key, self.low, self.high, step=step, log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, step=self.step, log=self.log)

    def word(self, value: float) -> str:
        """Return the word of a command line for a value, with four significant digits."""
        if not isinstance(value, int):
            value = min(max(float(f"{value:.4g}"), self.low), self.high)
        return f"{self.key}={value}"

    def ends(self) -> list[float]:
        return [self.low, self.high]

    def at(self, share: float) -> float:
        """Return the value at a share, from 0 up to but not including 1, of its range."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        if self.log:
            value = self.low * (self.high / self.low) ** share
            return round(value) if whole else value
        if step := self.step or (1 if whole else None):
            return self.low + step * int(share * (round((self.high - self.low) / step) + 1))
        return self.low + share * (self.high - self.low)


@dataclasses.dataclass(frozen=True)
class Choice:
    """A setting that is searched among values, given as the command line has them."""

    key: str
    values: tuple[str, ...]

    def suggest(self, trial: "Trial") -> str:
        """Return the value of this setting in a trial."""
        return str(trial.suggest_categorical(self.key, self.values))

    def word(self, value: str) -> str:
        """Return the word of a command line for a value."""
        return f"{self.key}={value}"

    def ends(self) -> list[str]:
        return list(self.values)

    def at(self, share: float) -> str:
        """Return the value at a share, from 0 up to but not including 1, of the values."""
        return self.values[int(share * len(self.values))]


Parameter = NumberRange | Choice


@dataclasses.dataclass(frozen=True)
class Space:
    """What is searched, and the words that all trials share."""

    parameters: tuple[Parameter, ...]
    words: tuple[str, ...]

    def suggest(self, trial: "Trial") -> dict[str, Any]:
        """Return the values of a trial by key; those that it has already do not change."""
        return {each.key: each.suggest(trial) for each in self.parameters}

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Return all words of the command line for some values."""
        return [*self.words, *self.own_words(values)]

    def own_words(self, values: Mapping[str, Any]) -> list[str]:
        """Return the words for what is searched."""
        return [each.word(values[each.key]) for each in self.parameters]

    def corners(self) -> list[dict[str, Any]]:
        """Return combinations of the least and greatest values, and of all choices.

        All of them, or if there are too many, those that differ from the first in one setting.
        """
        ends = {each.key: each.ends() for each in self.parameters}
        if math.prod(map(len, ends.values())) <= _MAX_CORNERS:
            return [
                dict(zip(ends, each, strict=True)) for each in itertools.product(*ends.values())
            ]
        first = {key: values[0] for key, values in ends.items()}
        others = [first | {key: value} for key, values in ends.items() for value in values[1:]]
        return [first, *others]


def parse_space(typed: Sequence[str]) -> Space:
    """Parse the words of a command line. Raises ConfigError for the first mistake."""
    launch.check_overrides(typed, swept=True)
    parameters, words = [], []
    _refuse_keys(typed)
    for word in typed:
        parameter, plain = _parse(word)
        if parameter:
            parameters.append(parameter)
        else:
            words.append(plain)
    if not parameters:
        raise ConfigError("KEY", "VALUE", f"nothing to search for: add for example {EXAMPLE}")
    return Space(tuple(parameters), tuple(words))


def _refuse_keys(typed: Iterable[str]) -> None:
    """Raises ConfigError for a key given twice, and for one that the search sets itself."""
    seen = set()
    for word in typed:
        name, _, value = word.partition("=")
        key = name.lstrip("+~")
        if key in seen:
            raise ConfigError(key, value, "is given twice")
        if key in FOLDER_KEYS or key.startswith(("hydra.", "hydra/")):
            raise ConfigError(key, value, "cannot be set here: the search sets it for each trial")
        seen.add(key)


def _parse(word: str) -> tuple[Parameter | None, str]:
    """Return the parameter that a word defines, or None and the word as Hydra must get it."""
    key, _, value = word.partition("=")
    logarithmic = _LOG.sub(r"tag(log,interval(\1))", word)
    override = launch.parse_override(logarithmic)
    if override is None and re.match(r"(interval|range|choice)\b", value):
        raise ConfigError(key, value, _ALLOWED)
    if override is None or not (override.is_sweep_override() and _FUNCTION.fullmatch(value)):
        *_, word = launch.prepare_overrides(["-m", word])
        override = launch.parse_override(word)
    if override is None or not override.is_sweep_override():
        return None, word
    if key == "seed":
        raise ConfigError(key, value, "cannot be searched; --seeds trains each trial several times")
    if key == "steps":
        raise ConfigError(key, value, "cannot be searched: trials are compared at equal steps")
    if override.is_interval_sweep():
        return _interval(key, value, override.value()), word
    if override.is_range_sweep():
        return _range(key, value, override), word
    if not hasattr(override.value(), "list"):  # glob(*)
        raise ConfigError(key, value, _ALLOWED)
    return Choice(key, tuple(dict.fromkeys(override.sweep_string_iterator()))), word


def _interval(key: str, text: str, given: Any) -> NumberRange:
    if not (math.isfinite(given.start) and math.isfinite(given.end) and given.start < given.end):
        raise ConfigError(key, text, "must go from a smaller to a larger number")
    if given.tags - {"log"}:
        raise ConfigError(key, text, _ALLOWED)
    if given.tags and given.start <= 0:
        raise ConfigError(key, text, "a logarithmic interval must begin above 0")
    return NumberRange(key, given.start, given.end, log=bool(given.tags))


def _without_rounding(text: str) -> float:
    """Return a number without what adding steps made of it: 0.9 for 0.8999999999999999."""
    return float(f"{float(text):.12g}")


def _range(key: str, text: str, override: Any) -> NumberRange:
    whole = all(isinstance(end, int) for end in (override.value().start, override.value().step))
    number = int if whole else _without_rounding
    values = sorted(map(number, override.sweep_string_iterator()))
    if len(values) < 2:
        raise ConfigError(key, text, "must have two values or more; the last one is not included")
    return NumberRange(key, values[0], values[-1], step=abs(override.value().step))
