"""Errors of Hydra and OmegaConf in one line, which says what to type."""

import re
import shlex
import sys
from pathlib import Path
from typing import Any

from hydra.errors import OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

import gan_zoo
from gan_zoo.command_line import from_here
from gan_zoo.launch.config_catalog import Catalog
from gan_zoo.run_folder import flatten
from gan_zoo.schema import ConfigError, suggest

_HERE = Path(gan_zoo.__file__).parent
_CONFIGS = (_HERE.parents[1] / "configs", _HERE / "configs")  # of a checkout, or installed
_CHOICE = re.compile(r"Could not find '(.+)/(.*)'\s+Available options in '.+':((\n\t\S+)*)")
_SWEEP = re.compile(r"Ambiguous value for argument '(.*)'|parameters '(.*)' requires --multirun")
_PACKAGES = {
    **{f"hydra/launcher={name}": f"hydra-{name}-launcher" for name in ("joblib", "ray", "rq")},
    **{f"hydra/launcher=submitit_{name}": "hydra-submitit-launcher" for name in ("slurm", "local")},
    **{f"hydra/sweeper={name}": f"hydra-{name}-sweeper" for name in ("ax", "nevergrad", "optuna")},
}


def format_hydra_error(error: Exception) -> str:
    """One line for an error of our own, of Hydra or of OmegaConf."""
    if isinstance(error, ConfigError):
        return str(error)
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read; settings are typed as KEY=VALUE"
    if isinstance(error.__cause__, (ConfigAttributeError, ConfigKeyError)):
        return _unknown(error.__cause__, sys.argv[1:])
    text = f"{error}\n{error.__cause__ or ''}"
    swept = _SWEEP.search(text)
    if swept:
        return _no_sweep(swept[1] or swept[2])
    added = re.search(r"Either remove \+ prefix: '(.*)'", text)
    if added:
        return f"+{added[1]}: is a setting already; type {shlex.quote(added[1])}"
    choice = _CHOICE.search(text)
    if choice:
        return _no_choice(choice[1], choice[2], choice[3].split())
    return " ".join(text.split())


def _no_choice(group: str, name: str, names: list[str]) -> str:
    word = f"{group}={name}"
    if word in _PACKAGES:
        return f"{word}: is not installed; type pip install {_PACKAGES[word]}"
    return f"{word}: {suggest(name, names)}"


def _no_sweep(word: str) -> str:
    """Several values without -m."""
    key, _, value = word.partition("=")
    if key in _catalog().lists:
        return f"{word}: must be a list: type {shlex.quote(f'{key}=[{value}]')}"
    words = [given for given in sys.argv[1:] if "=" in given and given[:1] != "-"]
    return f"{word}: several values are a sweep: type {from_here('train.py', '-m', *words)}"


def _unknown(error: OmegaConfBaseException, words: list[str]) -> str:
    """A key that the composed configuration has not."""
    key, parent = str(error.full_key), error.parent_node
    named = [name for name, equals, _ in (word.partition("=") for word in words) if equals]
    asked = next((n for n in named if f"{n.lstrip('+~')}.".startswith(f"{key}.")), key).lstrip("+~")
    return f"{key}: unknown key; {_having(asked, parent) or _beside(key, parent)}"


def _having(asked: str, parent: Any) -> str:
    """Where there is a setting of exactly this name; empty where there is none."""
    catalog = _catalog()
    known = catalog.ending_in(asked)
    here = [key for key in known if OmegaConf.is_dict(parent) and key in _leaves(parent)]
    if here:
        more = f" (or {', '.join(here[1:])})" if here[1:] else ""
        return f"did you mean {here[0]}{more}?"
    choices = catalog.keys[known[0]] if known else []
    if not choices:
        return ""
    added = " or ".join(choices) if len(choices) < 3 else "one of them"
    return f"{known[0]} is a setting of {', '.join(choices)}: add {added}"


def _beside(key: str, parent: Any) -> str:
    """The near ones of the keys that there are in the same place, or all of them."""
    group = key.rpartition(".")[0]
    names = parent if isinstance(parent, DictConfig) else ()
    settable = [str(name) for name in names if name not in ("hydra", "_target_")]
    siblings = [f"{group}.{name}" if group else name for name in settable]
    return suggest(key, siblings) if siblings else f"{group} has none"


def _leaves(parent: DictConfig) -> set[str]:
    content = OmegaConf.to_container(parent, resolve=False)
    assert isinstance(content, dict)
    return {key for key, _ in flatten({k: v for k, v in content.items() if k != "hydra"})}


def _catalog() -> Catalog:
    return Catalog(next(folder for folder in _CONFIGS if folder.is_dir()))
