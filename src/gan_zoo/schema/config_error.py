"""The error of one wrong setting, and suggestions of what was meant."""

import difflib
import inspect
from collections.abc import Iterable


class ConfigError(ValueError):
    """One wrong setting as one line: its key, its value, what is allowed."""

    def __init__(self, key: str, value: object, allowed: str):
        super().__init__(key, value, allowed)
        self.key, self.value, self.allowed = key, value, allowed

    def __str__(self) -> str:
        shown = "" if self.value is inspect.Parameter.empty else f"={self.value}"
        return " ".join(f"{self.key}{shown}: {self.allowed}".split())

    def under(self, prefix: str) -> "ConfigError":
        """Return the same error with a prefix to its key."""
        return ConfigError(f"{prefix}.{self.key}" if prefix else self.key, self.value, self.allowed)


def suggest(key: str, valid: Iterable[str]) -> str:
    """Suggest the valid keys that are similar to an unknown one, or else list all of them."""
    valid = sorted(valid)
    close = near(key, valid)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"choose one of {', '.join(valid) or 'none'}"


def near(key: str, valid: Iterable[str]) -> list[str]:
    """Return the valid keys that `key` was most likely meant to be, at most three.

    Those equal except for case and hyphens; or else those that begin with it; or else the most
    similar one. Keys of one group are compared without the group's name.
    """
    group = key.rpartition(".")[0]
    parts = {name: _plain(name.removeprefix(f"{group}.")) for name in valid}
    typed = _plain(key.removeprefix(f"{group}."))
    same = [name for name, part in parts.items() if part == typed]
    longer = [name for name, part in parts.items() if typed[2:] and part.startswith(typed)]
    similar = difflib.get_close_matches(typed, parts.values(), n=1, cutoff=0.75)
    return (same or longer or [name for name, part in parts.items() if part in similar])[:3]


def _plain(key: str) -> str:
    return key.strip().lower().replace("-", "_")
