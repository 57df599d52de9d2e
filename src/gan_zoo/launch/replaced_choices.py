"""Settings that an experiment or a recipe makes for a choice of its own, which was replaced."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from gan_zoo.launch.config_catalog import CONFIGS
from gan_zoo.setting_keys import flatten, key_of

_FILES = ("experiment", "recipe")  # groups whose files choose from other groups, and set numbers
_GROUPS = ("dataset", "architecture", "loss", "regularizer", "optimizer")


def drop_settings_of_replaced(config: DictConfig, hydra_config: DictConfig) -> None:
    """Drop settings that were made for another choice, and that the choice in effect does not have.

    `experiment=mnist_100_labels regularizer=none`, for example, leaves the angle by which the
    experiment's own regularizer rotates. What is typed is never dropped.

    config: as Hydra composed it; hydra_config: Hydra's own settings.
    """
    typed = {key_of(word) for word in OmegaConf.to_container(hydra_config.overrides.task)}
    choices = hydra_config.runtime.choices
    for path in _files(choices):
        content, own = _read(path)
        for group in _GROUPS:
            chosen = choices.get(group)
            made_for = own.get(group, None if group in typed else chosen)
            keys = [key for key, _ in flatten(content.get(group) or {})]
            if not keys or chosen in (None, made_for):
                continue
            known = _settings(group, chosen)
            for key in keys:
                if key not in known and f"{group}.{key}" not in typed:
                    _delete(config[group], key)


def _files(choices: DictConfig) -> Iterator[Path]:
    for choice, name in choices.items():
        group = str(choice).partition("@")[0]
        path = CONFIGS / group / f"{name}.yaml"
        if group.partition("/")[0] in _FILES and path.is_file():
            yield path


@functools.cache
def _read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the content of a file, and what it chooses from other groups."""
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    entries = [entry for entry in content.get("defaults") or () if isinstance(entry, dict)]
    chosen = {key.rpartition("/")[2]: name for entry in entries for key, name in entry.items()}
    return content, chosen


@functools.cache
def _settings(group: str, name: str) -> set[str]:
    """Return the keys of a choice's settings."""
    composed = OmegaConf.to_container(compose("train", [f"{group}={name}"])[group])
    return {key for key, _ in flatten(composed)}


def _delete(node: DictConfig, key: str) -> None:
    above, _, name = key.rpartition(".")
    parent = OmegaConf.select(node, above) if above else node
    if isinstance(parent, DictConfig):
        with read_write(parent), open_dict(parent):
            parent.pop(name, None)
