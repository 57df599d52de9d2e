"""Settings that check themselves: a signature is the schema.

`instantiate` builds the object that a configuration node's `_target_` names, after checking every
other entry against the type hints of its signature. Ranges are written into the hints
(`Annotated[float, Range(le=1)]`), so that a dataclass, a network and a YAML file share one truth.
A target must be made to be named so, and inside HOUSE: no configuration, from wherever it comes,
has anything else imported or called. This module imports neither torch nor Hydra: a wrong setting
is told before either is loaded.
"""

import dataclasses
import difflib
import importlib
import inspect
import math
import numbers
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

ALLOWED_PREFIXES = ("gan_zoo.",)  # where targets may lie


class ConfigError(ValueError):
    """One wrong setting, told on one line: its key, its value, what is allowed."""

    def __init__(self, key: str, value: object, allowed: str):
        super().__init__(key, value, allowed)
        self.key, self.value, self.allowed = key, value, allowed

    def __str__(self) -> str:
        shown = "" if self.value is inspect.Parameter.empty else f"={self.value}"
        return " ".join(f"{self.key}{shown}: {self.allowed}".split())

    def under(self, prefix: str) -> "ConfigError":
        """The same error, its key seen from one level further out."""
        return ConfigError(f"{prefix}.{self.key}" if prefix else self.key, self.value, self.allowed)


@dataclasses.dataclass(frozen=True)
class Range:
    """Bounds of a number, for use in `Annotated`: greater/less than, or equal."""

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None

    def admits(self, value: Any) -> bool:
        """Whether a number, or every element of a tensor, lies within the bounds."""
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
    """For use in `Annotated`: a text names a file or folder, and `~` is the home folder."""

    def admits(self, value: str) -> bool:
        """Whether a file can have this name."""
        return value != "" and "\0" not in value

    def __str__(self) -> str:
        return "the path of a file or folder"


def at_home(path: str) -> str:
    """A path with a `~` at its beginning expanded; as it is where no such user has a home."""
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        return path


LOCAL = Local()
LocalPath = Annotated[str, LOCAL]
PositiveInt = Annotated[int, Range(ge=1)]
CountInt = Annotated[int, Range(ge=0)]
PositiveFloat = Annotated[float, Range(gt=0)]
NonNegativeFloat = Annotated[float, Range(ge=0)]
Fraction = Annotated[float, Range(ge=0, le=1)]


def coerce(value: Any, hint: Any, key: str) -> Any:
    """`value` as the type that `hint` asks for: an int becomes a float, a list a tuple.

    A text passes for a list of one text.

    Tensors pass for numbers (a stack of runs gives each run its own hyper-parameter) but must
    keep within the range. Raises ConfigError where the value does not fit.
    """
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        value = coerce(value, parts[0], key)
        for bounds in parts[1:]:
            if value is not None and not bounds.admits(value):
                raise ConfigError(key, value, f"must be {bounds}")
        return at_home(value) if LOCAL in parts and value else value
    if origin is Literal:
        if value not in parts:
            raise ConfigError(key, value, f"must be one of {', '.join(map(str, parts))}")
        return value
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in parts:
            return None
        return coerce(value, next(part for part in parts if part is not type(None)), key)
    if origin is tuple:
        return _coerce_tuple(value, parts, key)
    return _coerce_plain(value, hint, key)


def _coerce_tuple(value: Any, parts: tuple, key: str) -> tuple:
    if isinstance(value, str) and parts == (str, ...):
        value = [value]  # metrics=all for metrics=[all]
    if not isinstance(value, (list, tuple)):
        such = f"[{value.strip('[]')}]" if isinstance(value, str) else "[1,2]"
        such = "[fast]" if parts == (str, ...) else such
        raise ConfigError(key, value, f"must be a list such as {such}")
    hints = [parts[0]] * len(value) if parts[1:] == (...,) else list(parts)
    if len(hints) != len(value):
        raise ConfigError(key, list(value), f"must have {len(hints)} entries")
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
            raise ConfigError(key, value, f"must be a {hint.__name__}")
        return value
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        whole = hint is int and isinstance(value, float) and value.is_integer()
        typed = f"; type {value:.0f}" if whole else ""
        raise ConfigError(key, value, f"must be {names[hint]}{typed}")
    return value


def _finite(value: Any, key: str) -> float:
    """A real number as a float. Raises ConfigError for one that is not finite, or too large."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConfigError(key, value, "must be a finite number")
    return number


@typing.dataclass_transform(kw_only_default=True, frozen_default=True)
def settings(cls: type) -> type:
    """A frozen keyword-only dataclass whose fields are checked against their hints when built.

    A class may add `check(self)`, raising ConfigError for rules that join several fields.
    """
    hints: dict = {}  # resolved at the first use: the class is not complete yet

    def __post_init__(self) -> None:
        hints.update(hints or typing.get_type_hints(cls, include_extras=True))
        for field in dataclasses.fields(self):
            checked = coerce(getattr(self, field.name), hints[field.name], field.name)
            object.__setattr__(self, field.name, checked)
        if hasattr(self, "check"):
            self.check()

    cls.__post_init__ = __post_init__
    cls._is_settings = True  # what a configuration may name
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


def suggest(key: str, valid: Iterable[str]) -> str:
    """What is allowed instead of an unknown key: valid ones that are near, or else all of them."""
    valid = sorted(valid)
    close = near(key, valid)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"choose one of {', '.join(valid) or 'none'}"


def near(key: str, valid: Iterable[str]) -> list[str]:
    """The valid keys that `key` was most likely meant to be, at most three.

    Equal but for case and hyphens; or else beginning like it; or else the most similar one. Keys of
    one group are compared without the group's name.
    """
    group = key.rpartition(".")[0]
    parts = {name: _plain(name.removeprefix(f"{group}.")) for name in valid}
    asked = _plain(key.removeprefix(f"{group}."))
    same = [name for name, part in parts.items() if part == asked]
    begun = [name for name, part in parts.items() if asked[2:] and part.startswith(asked)]
    similar = difflib.get_close_matches(asked, parts.values(), n=1, cutoff=0.75)
    return (same or begun or [name for name, part in parts.items() if part in similar])[:3]


def _plain(key: str) -> str:
    return key.strip().lower().replace("-", "_")


def instantiate(node: Mapping[str, Any], key: str = "", kind: Any = object, **provided: Any) -> Any:
    """The object that `node["_target_"]` names, built from the node's other entries.

    Args:
        node: plain mapping; entries that hold a `_target_` themselves are built first.
        key: where the node stands in the configuration, for messages.
        kind: class of what is to be built.
        provided: arguments that the program fills in; the user cannot set them.

    Raises ConfigError for a bad target, an unknown or missing key, a wrong type, a wrong range.
    """
    target, arguments = check(node, key, kind, provided)
    try:
        return target(**arguments, **provided)
    except ConfigError as error:
        raise error.under(key) from None
    except NotImplementedError:
        where = f"{key}._target_" if key else "_target_"
        raise ConfigError(where, node["_target_"], "is abstract") from None


def check(
    node: Mapping[str, Any], key: str = "", kind: Any = object, provided: Iterable[str] = ()
) -> tuple[Any, dict]:
    """Target and checked arguments of a node, without calling it. Raises as `instantiate`."""
    if not isinstance(node, Mapping):
        raise ConfigError(key, node, "must hold settings, and the _target_ that they are of")
    target = resolve_target(node.get("_target_"), key, kind, provided)
    parameters = {
        n: p for n, p in inspect.signature(target).parameters.items() if n not in provided
    }
    hints = _hints(target)
    try:
        arguments = {}
        for name, value in node.items():
            if name == "_target_":
                continue
            if name not in parameters:
                raise ConfigError(name, value, f"unknown key; {suggest(name, parameters)}")
            arguments[name] = coerce(_built(value, name), hints.get(name, Any), name)
        for name, parameter in parameters.items():
            if parameter.default is parameter.empty and name not in arguments:
                raise ConfigError(name, parameter.empty, "must be given")
    except ConfigError as error:
        raise error.under(key) from None
    return target, arguments


def _built(value: Any, key: str) -> Any:
    """`value` with every mapping inside it that holds a `_target_` built."""
    if not isinstance(value, Mapping):
        return value
    if "_target_" in value:
        return instantiate(value, key)
    return {name: _built(entry, f"{key}.{name}") for name, entry in value.items()}


def resolve_target(
    path: Any, key: str = "", kind: Any = object, provided: Iterable[str] = ()
) -> Any:
    """The settings class that a dotted path names, or function of the arguments `provided`.

    Raises ConfigError, without importing it, for a path that leads out of the HOUSE, and for what
    is not made to be named in a configuration or makes something else than a `kind`.
    """
    where = f"{key}._target_" if key else "_target_"
    if not str(path).startswith(ALLOWED_PREFIXES):
        allowed = (
            f"must begin with {' or '.join(ALLOWED_PREFIXES)}: nothing else is imported or called"
        )
        raise ConfigError(where, path, allowed)
    module, _, name = str(path).rpartition(".")
    try:
        target = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise ConfigError(where, path, "names no class that can be imported") from None
    made = _made_by(target, provided)
    if not isinstance(made, type) or not issubclass(made, kind):
        raise ConfigError(where, path, f"makes no {kind.__name__.lower()} for a configuration")
    return target


def _made_by(target: Any, provided: Iterable[str]) -> Any:
    """The class of what calling a target makes; None for what no configuration may call."""
    if isinstance(target, type):
        return target if "_is_settings" in vars(target) else None
    if (
        inspect.isfunction(target)
        and provided
        and {*provided} <= {*inspect.signature(target).parameters}
    ):
        return _hints(target).get("return")
    return None


def _hints(target: Any) -> dict[str, Any]:
    """The type hints of what a class is built from, or of a function."""
    return typing.get_type_hints(target, include_extras=True)
