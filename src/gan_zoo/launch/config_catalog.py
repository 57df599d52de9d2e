"""What the configuration files offer: choices, and the settings that each of them has.

Read only after a mistake, to say what could be typed instead.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gan_zoo.help import choices


class Catalog:
    """Choices and settings of a folder of configuration files.

    Attributes:
        groups: names to choose from, by group.
        keys: which choices (such as loss=glsgan) have a setting; none for those of every run.
        lists: settings that are lists.
    """

    def __init__(self, configs: Path):
        self.groups = choices(configs)
        self.keys: dict[str, list[str]] = {}
        self.lists: set[str] = set()
        self._add(_content(configs / "train.yaml"), "")
        for group, names in self.groups.items():
            for name in names if group != "experiment" else ():
                self._add(_packaged(configs, group, name), f"{group}={name}")

    def _add(self, content: Mapping[str, Any], choice: str) -> None:
        for key, value in _keys(content):
            having = self.keys.setdefault(key, [])
            having += [choice] if choice else []
            self.lists |= {key} if isinstance(value, list) else set()

    def ending_in(self, key: str) -> list[str]:
        """Settings that are this one, or one of a group with this name; short ones first."""
        found = [known for known in self.keys if f".{known}".endswith(f".{key}")]
        return sorted(found, key=lambda known: (known.count("."), known))

    def named(self, name: str) -> list[str]:
        """The choices of this name; those of groups within groups only if there are no others."""
        found = [group for group, names in self.groups.items() if name in names]
        return [f"{group}={name}" for group in found if "/" not in group] or [
            f"{group}={name}" for group in found
        ]


def _content(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {key: node for key, node in content.items() if key not in ("defaults", "hydra")}


def _packaged(configs: Path, group: str, name: str) -> dict[str, Any]:
    path = configs / group / f"{name}.yaml"
    content = _content(path)
    if path.read_text(encoding="utf-8").startswith("# @package _global_"):
        return {key: node for key, node in content.items() if key == group.partition("/")[0]}
    for part in reversed(group.split("/")):
        content = {part: content}
    return content


def _keys(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if key != "_target_":
            yield f"{prefix}{key}", value
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{key}.")
