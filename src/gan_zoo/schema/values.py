"""Types of settings: their ranges, and the conversion of a value to its type hint."""

import dataclasses
import math
import numbers
import os
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal

from gan_zoo.schema.config_error import ConfigError


@dataclasses.dataclass(frozen=True)
class Range:
    """Bounds of a number, for use in `Annotated`: greater/less than, or equal."""

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None

    def admits(self, value: Any) -> bool:
        """Return whether a number, or every element of a tensor, lies within the bounds."""
        tests = [
            self.gt is None or value > self.gt,
            self.ge is None or value >= self.ge,
            self.lt is None or value < self.lt,
            self.le is None or value <= self.le,
        ]
        return all(test if isinstance(test, bool) else bool(test.all()) for test in tests)

    def __str__(self) -> str:
        names = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
        bounds = ((words, getattr(self, name)) for name, words in names.items())
        return " and ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)


@dataclasses.dataclass(frozen=True)
class Local:
    """For use in `Annotated`: a string names a file or folder, and `~` is the home folder."""

    def admits(self, value: str) -> bool:
        """Return whether a file can have this name."""
        return value != "" and "\0" not in value

    def __str__(self) -> str:
        return "the path of a file or folder"


def at_home(path: str) -> str:
    """Expand a `~` at the beginning of a path; return it unchanged if no such user has a home."""
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        return path


LOCAL = Local()
LocalPath = Annotated[str, LOCAL]
PositiveInt = Annotated[int, Range(ge=1)]
AutoCount = Literal["auto"] | PositiveInt
CountInt = Annotated[int, Range(ge=0)]
PositiveFloat = Annotated[float, Range(gt=0)]
NonNegativeFloat = Annotated[float, Range(ge=0)]
Fraction = Annotated[float, Range(ge=0, le=1)]


def coerce(value: Any, hint: Any, key: str) -> Any:
    """Convert a value to a type hint: an int becomes a float, a list a tuple.

    A string is accepted as a list of one string. A tensor is accepted as a number (a stack of runs
    gives each run its own hyperparameter) if it lies within the range. Raises ConfigError for a
    value that does not fit.
    """
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        if LOCAL in parts and isinstance(value, os.PathLike):
            value = os.fspath(value)
        if LOCAL in parts and not isinstance(value, str):
            raise ConfigError(key, value, f"must be {LOCAL}")
        value = coerce(value, parts[0], key)
        for bounds in parts[1:]:
            if value is not None and not bounds.admits(value):
                raise ConfigError(key, value, f"must be {bounds}")
        return at_home(value) if LOCAL in parts and value else value
    if origin is Literal:
        if not any(value == part and type(value) is type(part) for part in parts):  # 1 == True
            choices = (str(part).lower() if isinstance(part, bool) else part for part in parts)
            raise ConfigError(key, value, f"must be one of {', '.join(map(str, choices))}")
        return value
    if origin in (types.UnionType, typing.Union):
        return _coerce_union(value, parts, key)
    if origin is tuple:
        return _coerce_tuple(value, parts, key)
    return _coerce_plain(value, hint, key)


def _coerce_union(value: Any, parts: tuple, key: str) -> Any:
    """Convert a value that may also be None, or one of some words."""
    words = [word for part in parts for word in typing.get_args(part) if isinstance(word, str)]
    if (value is None and type(None) in parts) or value in words:
        return value
    kind = next(p for p in parts if p is not type(None) and typing.get_origin(p) is not Literal)
    try:
        return coerce(value, kind, key)
    except ConfigError as error:
        choices = ", or ".join([error.allowed, *words])
        raise ConfigError(error.key, error.value, choices) from None


def _coerce_tuple(value: Any, parts: tuple, key: str) -> tuple:
    if isinstance(value, str) and parts == (str, ...):
        value = [value]  # metrics=all for metrics=[all]
    count = None if parts[1:] == (...,) else len(parts)
    if count and not isinstance(value, (list, tuple)):
        raise ConfigError(key, value, f"must be a list of {count} entries in brackets")
    if not isinstance(value, (list, tuple)):
        alone = isinstance(value, str | int | float)
        such = f"[{str(value).strip('[]')}]" if alone else "[1,2]"
        such = "[fast]" if parts == (str, ...) else such
        raise ConfigError(key, value, f"must be a list such as {such}")
    if count not in (None, len(value)):
        raise ConfigError(key, list(value), f"must have {count} entries")
    hints = parts if count else [parts[0]] * len(value)
    entries = zip(value, hints, strict=True)
    return tuple(coerce(entry, hint, f"{key}[{i}]") for i, (entry, hint) in enumerate(entries))


def _coerce_plain(value: Any, hint: Any, key: str) -> Any:
    if hint is float and isinstance(value, numbers.Real) and not isinstance(value, bool):
        return _finite(value, key)
    names = {int: "an integer", float: "a number", bool: "true or false", str: "a string"}
    if hint in (int, float) and hasattr(value, "shape"):
        return value
    if hint not in names:
        if isinstance(hint, type) and hint is not Any and not isinstance(value, hint):
            has_settings = hasattr(hint, "_is_settings")
            choice = "is a choice: type its last dot as a slash"  # loss/divergence=kl
            choice += f"; in Python, an object of a class of {hint.__module__}"
            raise ConfigError(key, value, "must hold settings" if has_settings else choice)
        return value
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        whole = hint is int and isinstance(value, float) and value.is_integer()
        typed = f"; type {value:.0f}" if whole else ""
        raise ConfigError(key, value, f"must be {names[hint]}{typed}")
    return value


def _finite(value: Any, key: str) -> float:
    """Convert a real number to a float. Raises ConfigError if it is not finite or too large."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConfigError(key, value, "must be a finite number")
    return number
