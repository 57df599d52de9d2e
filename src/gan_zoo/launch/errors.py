"""Errors of Hydra and OmegaConf as one line that suggests what to type, with an exit code."""

import inspect
import os
import re
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
import omegaconf
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from gan_zoo.command_line import (
    error_message,
    exit_code,
    exit_usage_error,
    exit_with,
    from_here,
    one_line_errors,
)
from gan_zoo.launch.config_catalog import CONFIGS, Catalog, has_setting
from gan_zoo.launch.overrides import is_sweep
from gan_zoo.schema import ConfigError, near, suggest
from gan_zoo.setting_keys import flatten, key_of

_CHOICE = re.compile(r"Could not find '(.+)/(.*)'\s+Available options in '.+':((\n\t\S+)*)")
_SWEEP = re.compile(r"Ambiguous value for argument '(.*)'|parameters '(.*)' requires --multirun")
_INTERPOLATED = re.compile(r"Interpolation key '(.+)' not found\s+full_key: (\S+)")
_MERGED = re.compile(
    r"Error merging override (.*)\n(?:Cannot merge DictConfig with ListConfig|list index out)", re.S
)
_DELETED = re.compile(r"Could not delete from config\. '(.*)' does not exist")
_ADDED = re.compile(r"Either remove \+ prefix: '(.*)'")
PACKAGES = {
    "hydra/launcher=joblib": '"gan-zoo[joblib]"',
    **{f"hydra/launcher={name}": f"hydra-{name}-launcher" for name in ("ray", "rq")},
    **{f"hydra/launcher={name}": '"gan-zoo[slurm]"' for name in ("slurm", "slurm_local")},
    **{f"hydra/launcher=submitit_{name}": "hydra-submitit-launcher" for name in ("slurm", "local")},
    **{f"hydra/sweeper={name}": f"hydra-{name}-sweeper" for name in ("ax", "nevergrad", "optuna")},
}


@contextmanager
def one_line_hydra_errors() -> Iterator[None]:
    """End the program in one line on standard error for any expected error in this block.

    HYDRA_FULL_ERROR=1 in the environment shows the whole traceback instead.
    """
    if os.environ.get("HYDRA_FULL_ERROR"):
        yield
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise its exceptions instead of printing
    try:
        with one_line_errors():
            try:
                yield
            except (HydraException, OmegaConfBaseException) as error:
                exit_usage_error(format_hydra_error(error))
            except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
                if not _raised_by_hydra(error):
                    raise
                hint = "HYDRA_FULL_ERROR=1 shows where it comes from"
                shown = f"Hydra's {error_message(error)}; {hint}"
                exit_usage_error(_below_a_list(sys.argv[1:]) or shown)
    finally:
        del os.environ["HYDRA_FULL_ERROR"]


def _raised_by_hydra(error: Exception) -> bool:
    """Return whether an error comes from code of Hydra or OmegaConf, and not from ours."""
    place = traceback.extract_tb(error.__traceback__)[-1].filename
    packages = (Path(module.__file__).parent for module in (hydra, omegaconf))
    return any(package in Path(place).parents for package in packages)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """End the program in one line for any error in a callback: Hydra would warn, and train on."""
    try:
        yield
    except (ConfigError, HydraException, OmegaConfBaseException) as error:
        exit_usage_error(format_hydra_error(error))
    except Exception as error:
        exit_with(error, exit_code(error), _origin(error))


def _origin(error: Exception) -> str:
    """Name the line of code that raised an error; empty for an error of the file system."""
    if isinstance(error, OSError):
        return ""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"raised in {place.filename}, line {place.lineno}"


@contextmanager
def config_errors(words: Sequence[str]) -> Iterator[None]:
    """Raise ConfigError for an error of Hydra or OmegaConf about these words."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, LookupError, ValueError) as error:
        known = isinstance(error, (HydraException, OmegaConfBaseException))
        if not known and not _raised_by_hydra(error):
            raise
        text = format_hydra_error(error, words) if known else _below_a_list(words)
        if not text:
            raise
        key, _, allowed = text.partition(": ")
        raise ConfigError(key, inspect.Parameter.empty, allowed) from None


def format_hydra_error(error: Exception, words: Sequence[str] | None = None) -> str:
    """Return one line for an error of our own, of Hydra or of OmegaConf.

    words: overrides of a call from Python; by default the words of this process.
    """
    given = sys.argv[1:] if words is None else words
    if isinstance(error, ConfigError):
        return str(error)
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read; settings are typed as KEY=VALUE"
    if isinstance(error.__cause__, (ConfigAttributeError, ConfigKeyError)):
        return _unknown_key(error.__cause__, given)
    text = f"{error}\n{error.__cause__ or ''}"
    if swept := _SWEEP.search(text):
        return _sweep_without_flag(swept[1] or swept[2], words)
    if added := _ADDED.search(text):
        return f"+{added[1]}: is a setting already; type {shlex.quote(added[1])}"
    if deleted := _DELETED.search(text):
        return f"~{deleted[1]}: {_not_there(deleted[1])}"
    if merged := _MERGED.search(text):
        named = f"{merged[1]}: must hold named settings: type {key_of(merged[1])}.NAME=VALUE"
        return _below_a_list([merged[1]]) or named
    if missing := _INTERPOLATED.search(text):
        return f"{missing[2]}: refers to a setting that does not exist: ${{{missing[1]}}}"
    if choice := _CHOICE.search(text):
        return _unknown_choice(choice[1], choice[2], choice[3].split())
    return " ".join(text.split())


def _unknown_choice(group: str, name: str, names: list[str]) -> str:
    word = f"{group}={name}"
    if word in PACKAGES:
        return f"{word}: is not installed; type pip install {PACKAGES[word]}"
    return f"{word}: {suggest(name, names)}"


def _below_a_list(words: Sequence[str]) -> str:
    """A key that continues after that of a list, where OmegaConf expects a position."""
    for word in words:
        for name in Catalog().lists:
            if key_of(word).startswith(f"{name}."):
                return f"{word}: {name} is a list: type {shlex.quote(f'{name}=[A,B]')}"
    return ""


def _sweep_without_flag(word: str, words: Sequence[str] | None) -> str:
    """Several values without -m. words: of a call from Python; None for a command line."""
    key, _, value = word.partition("=")
    if key in Catalog().lists:
        return f"{word}: must be a list: type {shlex.quote(f'{key}=[{value}]')}"
    given = sys.argv[1:] if words is None else words
    settings = [each for each in given if "=" in each and each[:1] != "-"]
    place = ": type" if words is None else "; in a terminal:"
    return f"{word}: several values are a sweep{place} {from_here('train.py', '-m', *settings)}"


def _unknown_key(error: OmegaConfBaseException, words: Sequence[str]) -> str:
    """A key that the composed configuration does not have."""
    key, parent = str(error.full_key), error.parent_node
    named = [name for name, equals, _ in (word.partition("=") for word in words) if equals]
    typed = next((n for n in named if f"{n.lstrip('+~')}.".startswith(f"{key}.")), key).lstrip("+~")
    return f"{key}: unknown key; {_elsewhere(typed, parent, words) or _siblings(key, parent)}"


def _not_there(key: str) -> str:
    """Say why a setting cannot be deleted that the composed configuration does not have."""
    keys = Catalog().keys
    if owners := keys.get(key):
        return f"is a setting of {', '.join(owners)}"
    close = near(key, keys)
    return f"unknown key; did you mean ~{close[0]}?" if close else "unknown key"


def _elsewhere(typed: str, parent: Any, words: Sequence[str]) -> str:
    """Name the settings with exactly this name in other places; empty if there is none."""
    catalog = Catalog()
    known = catalog.ending_in(typed)
    here = [key for key in known if OmegaConf.is_dict(parent) and key in _leaves(parent)]
    if here:
        more = f" (or {', '.join(here[1:])})" if here[1:] else ""
        return f"did you mean {here[0]}{more}?"
    owners = catalog.keys[known[0]] if known else _owners_in_hydra(typed)
    if not owners:
        return ""
    added = " or ".join(owners) if len(owners) < 3 else "one of them"
    group = owners[0].partition("=")[0]
    swept = any(key_of(word) == group and is_sweep(word) for word in words)
    remedy = f"sweep over {group} without the others" if swept else f"add {added}"
    name = known[0] if known else typed
    return f"{name} is a setting of {', '.join(owners)}: {remedy}"


def _owners_in_hydra(key: str) -> list[str]:
    """Return the launchers or sweepers that have a setting such as hydra.launcher.n_jobs.

    Those of installed packages are named only if none of ours has it.
    """
    parts = key.split(".")
    group = "/".join(parts[:2])
    ours = [path.stem for path in sorted((CONFIGS / group).glob("*.yaml"))]
    if len(parts) < 3 or group not in ("hydra/launcher", "hydra/sweeper"):
        return []
    installed = ConfigStore.instance()
    fields = {
        name.removesuffix(".yaml"): set(installed.load(f"{group}/{name}").node)
        for name in installed.list(group)
    }
    found = [name for name in ours if has_setting(group, name, ".".join(parts[:3]))]
    found += [name for name in fields if parts[2] in fields[name] and (name in ours or not found)]
    return [f"{group}={name}" for name in dict.fromkeys(found)]


def _siblings(key: str, parent: Any) -> str:
    """Name similar keys of the same place, or all of them."""
    group = key.rpartition(".")[0]
    names = parent if isinstance(parent, DictConfig) else ()
    settable = [str(name) for name in names if name not in ("hydra", "_target_")]
    siblings = [f"{group}.{name}" if group else name for name in settable]
    if not group:  # recipe, experiment and study are choices, but no keys of what is composed
        siblings = [*{*siblings, *(name for name in Catalog().groups if "/" not in name)}]
    if group in Catalog().empty:
        return f"{group} is empty: type +{key.partition('.')[0]}@{key}=CHOICE"
    return suggest(key, siblings) if siblings else f"{group} has none"


def _leaves(parent: DictConfig) -> set[str]:
    content = OmegaConf.to_container(parent, resolve=False)
    assert isinstance(content, dict)
    return {key for key, _ in flatten({k: v for k, v in content.items() if k != "hydra"})}
