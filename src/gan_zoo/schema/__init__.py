"""Settings that check themselves: a signature is the schema.

`instantiate` builds the object that a configuration node's `_target_` names, after checking every
other entry against the type hints of its signature. Ranges are part of the hints
(`Annotated[float, Range(le=1)]`), so that a dataclass, a network and a YAML file share one truth.
A target must be meant for configurations and begin with one of ALLOWED_PREFIXES: no configuration,
wherever it comes from, has anything else imported or called. This package imports neither torch nor
Hydra, so that a wrong setting is reported before either is loaded.
"""

import dataclasses
import importlib
import inspect
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from gan_zoo.schema.config_error import ConfigError, near, suggest
from gan_zoo.schema.values import (
    AutoCount,
    CountInt,
    Fraction,
    LocalPath,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    Range,
    at_home,
    coerce,
)

__all__ = [
    "AutoCount",
    "ConfigError",
    "CountInt",
    "Fraction",
    "LocalPath",
    "NonNegativeFloat",
    "PositiveFloat",
    "PositiveInt",
    "Range",
    "at_home",
    "check",
    "coerce",
    "instantiate",
    "near",
    "resolve_target",
    "settings",
    "suggest",
]

ALLOWED_PREFIXES = ("gan_zoo.",)  # of targets


@typing.dataclass_transform(kw_only_default=True, frozen_default=True)
def settings(cls: type) -> type:
    """Make a frozen keyword-only dataclass whose fields are checked against their hints.

    A class may add `check(self)`, raising ConfigError for rules that involve several fields.
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


def instantiate(node: Mapping[str, Any], key: str = "", kind: Any = object, **provided: Any) -> Any:
    """Build the object that `node["_target_"]` names from the node's other entries.

    Args:
        node: plain mapping; entries with a `_target_` of their own are built first.
        key: path of the node in the configuration, for messages.
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
    """Return target and checked arguments of a node, without a call. Raises as `instantiate`."""
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
    """Return a value with every mapping inside it that has a `_target_` built."""
    if not isinstance(value, Mapping):
        return value
    if "_target_" in value:
        return instantiate(value, key)
    return {name: _built(entry, f"{key}.{name}") for name, entry in value.items()}


def resolve_target(path: Any, key: str, kind: Any, provided: Iterable[str]) -> Any:
    """Return the settings class of a dotted path, or the function of the arguments `provided`.

    Raises ConfigError for a path outside ALLOWED_PREFIXES, which is not imported, and for a target
    that is not meant for configurations or returns something other than a `kind`.
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
    result = _result_type(target, provided)
    if not isinstance(result, type) or not issubclass(result, kind):
        raise ConfigError(where, path, f"makes no {kind.__name__.lower()} for a configuration")
    return target


def _result_type(target: Any, provided: Iterable[str]) -> Any:
    """Return the class that a target makes; None if no configuration may call it."""
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
    """Return the type hints of a class or function."""
    return typing.get_type_hints(target, include_extras=True)
