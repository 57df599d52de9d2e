"""Settings by their keys: in a configuration, and as words KEY=VALUE. No torch, no Hydra."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gan_zoo.command_line import program

DATA_ROOT = "dataset.root"
# how the data below the root are read, which changes no batch
DATA_ACCESS = ("dataset.download", "dataset.cache", "dataset.on_device", "dataset.workers")
FOLDER_KEYS = ("resume", "allow_changes", "sweep", "retry_failed")  # about existing folders


def flatten(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of a nested mapping."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def key_of(word: str) -> str:
    """Return the key that a word of the command line sets."""
    return word.partition("=")[0].lstrip("+~")


def latest(words: Iterable[str]) -> list[str]:
    """Return the overrides of a command line, only the last one of each key."""
    found: dict[str, str] = {}
    for word in words:
        key = word.partition("=")[0].lstrip("+")
        first = found.get(key, word)  # a + in front of it must stay
        found[key] = first[: len(first) - len(first.lstrip("+"))] + word.lstrip("+")
    return list(found.values())


def reproduce_command(words: Iterable[str]) -> str:
    """Return the command that repeats a run with these overrides, for a POSIX shell."""
    kept = [w for w in latest(words) if key_of(w) not in FOLDER_KEYS]
    return f"{program('train.py')} {shlex.join(kept)}".rstrip()
