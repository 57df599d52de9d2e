"""What distinguishes a run from others, for TensorBoard's tab HParams."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gan_zoo.resumed_run import RESUMABLE_KEYS
from gan_zoo.setting_keys import flatten, key_of, latest

_LOSS = ("hydra", "runtime", "choices", "loss")
_MODE = ("hydra", "mode")
_FIXED = ("hydra", "job", "config", "override_dirname", "exclude_keys")  # what a sweep's jobs share


def hyperparameters(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what was swept, or what the command line of a single run changed, and the loss.

    The values are numbers, truth values or text. All settings if `folder`, the run's, does not
    tell its command line.
    """
    settings = dict(flatten(config))
    words = _read(folder / ".hydra" / "overrides.yaml")
    if not isinstance(words, list):
        return {key: _plain(value) for key, value in settings.items()}
    hydra = _read(folder / ".hydra" / "hydra.yaml")
    in_sweep = _at(hydra, _MODE) == "MULTIRUN"
    excluded = _at(hydra, _FIXED) or () if in_sweep else RESUMABLE_KEYS
    loss = _at(hydra, _LOSS)
    chosen = {"loss": _plain(loss)} if loss else {}
    for word in latest(map(str, words)):
        key, text = key_of(word), word.partition("=")[2]
        if key not in excluded:
            value = settings.get(key)
            chosen[key] = text if value is None else _plain(value)
    return chosen


def _plain(value: Any) -> bool | int | float | str:
    return value if isinstance(value, (bool, int, float)) else str(value)


def _read(path: Path) -> Any:
    """Read a YAML file; None where it cannot be read."""
    try:
        return yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError):
        return None


def _at(node: Any, keys: tuple[str, ...]) -> Any:
    """Return the value at nested keys; None where there is none."""
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node
