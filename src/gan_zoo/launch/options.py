"""Hydra's options on the command line, apart from overrides."""

import inspect
import re
from collections.abc import Sequence
from pathlib import Path

from gan_zoo.launch.config_catalog import Catalog
from gan_zoo.schema import ConfigError

_DASHES = re.compile(r"^[-‐‑‒–—―−]+")
_FLAGS = ("-m", "--multirun", "-h", "--help", "--hydra-help", "--version", "--resolve", "-r")
_FLAGS += ("--run", "-sc", "--shell-completion")
_VALUED = ("-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name")
_VALUED += ("-cd", "--config-dir", "--experimental-rerun")
_SHOWN = {"-c": ("job", "hydra", "all")}
_SHOWN["--cfg"] = _SHOWN["-c"]
_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


def arranged(words: Sequence[str], configs: Path) -> tuple[list[str], list[str]]:
    """Overrides, and options with their values: Hydra wants no option between overrides.

    Raises ConfigError for an option that there is not.
    """
    overrides: list[str] = []
    options: list[str] = []
    waiting = list(words)
    while waiting:
        if not _DASHES.match(waiting[0]):
            overrides.append(waiting.pop(0))
            continue
        size = _size(waiting, configs)
        options += waiting[:size]
        del waiting[:size]
    return overrides, options


def _size(words: Sequence[str], configs: Path) -> int:
    """How many words the option that they begin with is made of."""
    option, equals, value = words[0].partition("=")
    following = value if equals else next(iter(words[1:]), "")
    if option in _SHOWN and following not in _SHOWN[option]:
        allowed = f"shows a configuration: type {option} job, {option} hydra or {option} all"
        raise ConfigError(words[0], inspect.Parameter.empty, allowed)
    if option in ("-i", "--info"):
        return 2 if not equals and following in _INFO else 1
    if option in _VALUED:
        return 1 if equals else 2
    if option in _FLAGS:
        return 1
    raise ConfigError(words[0], inspect.Parameter.empty, _instead(words, configs))


def _instead(words: Sequence[str], configs: Path) -> str:
    """What to type for an option that there is not."""
    text = _DASHES.sub("", words[0])
    for option in (f"--{text}", f"-{text}"):
        if option in (*_FLAGS, *_VALUED):
            return f"type {option}"
    name, equals, value = text.partition("=")
    if not equals:
        bare = [word for word in words[1:2] if "=" not in word and not _DASHES.match(word)]
        value = bare[0] if bare else "VALUE"
    catalog = Catalog(configs)
    known = catalog.ending_in(name.replace("-", "_"))
    if known:
        return f"settings have no dashes: type {known[0]}={value}"
    return "is no option; settings are typed as KEY=VALUE; python train.py --help lists them"
