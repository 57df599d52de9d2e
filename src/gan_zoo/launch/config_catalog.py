"""The project's configuration files: groups, their choices, and the settings of each choice."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

import gan_zoo

_PACKAGE = Path(gan_zoo.__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1] / "configs"
CONFIGS = _CHECKOUT if _CHECKOUT.is_dir() else _PACKAGE / "configs"  # the latter in a wheel


def choices() -> dict[str, list[str]]:
    """List the names in each group of choices, without Hydra's own groups."""
    groups: dict[str, list[str]] = {}
    for path in sorted(CONFIGS.glob("*/**/*.yaml")):
        group = path.parent.relative_to(CONFIGS).as_posix()
        if not group.startswith("hydra/"):
            groups.setdefault(group, []).append(path.stem)
    return groups


def has_setting(group: str, name: str, key: str) -> bool:
    """Return whether the file of a choice, such as dataset=mnist, has a setting of this key."""
    return key in dict(_keys(_packaged(group, name)))


class Catalog:
    """All choices and settings, read only after a mistake to suggest what to type instead.

    Attributes:
        groups: names to choose from, by group.
        keys: the choices (such as loss=glsgan) that have a setting; empty for one of every run.
        lists: settings that are lists.
        empty: settings that are mappings without entries, to which choices are added.
    """

    def __init__(self) -> None:
        self.groups = choices()
        self.keys: dict[str, list[str]] = {}
        self.lists: set[str] = set()
        self.empty: set[str] = set()
        self._add(_content(CONFIGS / "train.yaml"), "")
        for group, names in self.groups.items():
            for name in names if group not in ("experiment", "study") else ():
                self._add(_packaged(group, name), f"{group}={name}")

    def _add(self, content: Mapping[str, Any], choice: str) -> None:
        for key, value in _keys(content):
            owners = self.keys.setdefault(key, [])
            owners += [choice] if choice else []
            self.lists |= {key} if isinstance(value, list) else set()
            self.empty |= {key} if value == {} else set()

    def ending_in(self, key: str) -> list[str]:
        """List settings with this key, or with it as the last part; short ones first."""
        found = [known for known in self.keys if f".{known}".endswith(f".{key}")]
        return sorted(found, key=lambda known: (known.count("."), known))

    def named(self, name: str) -> list[str]:
        """List the choices of this name; those of nested groups only if there are no others.

        A loss brings the recipe of its name: that is not listed.
        """
        found = [group for group, names in self.groups.items() if name in names]
        if name in self.groups["loss"]:
            found = [group for group in found if group.partition("/")[0] != "recipe"]
        return [f"{group}={name}" for group in found if "/" not in group] or [
            f"{group}={name}" for group in found
        ]


def _content(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {key: node for key, node in content.items() if key not in ("defaults", "hydra")}


def _packaged(group: str, name: str) -> dict[str, Any]:
    path = CONFIGS / group / f"{name}.yaml"
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
