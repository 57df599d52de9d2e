"""Where the numbers came from, and the command that makes each of them again."""

import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gan_zoo import run_folder
from gan_zoo.report.runs import Run

_PACKAGES = ("gan-zoo", "numpy", "scipy", "matplotlib")
_FACTS = ("git_commit", "git_dirty", "python", "device", "device_name", "threads")


def command(run: Run) -> str:
    """The command that trains this run again, quoted for a POSIX shell."""
    return run_folder.reproduce_command(run.overrides)


def origins(runs: Iterable[Run]) -> dict[str, Counter[str]]:
    """What the runs say of their machine, versions and commit: each value and how many have it."""
    found: dict[str, Counter[str]] = {}
    for run in runs:
        for name, value in _facts(run.summary or {}).items():
            found.setdefault(name, Counter())[value] += 1
    return found


def reporter() -> dict[str, str]:
    """Versions of what wrote the report."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed as a package"
    return versions


def _facts(summary: Mapping[str, Any]) -> dict[str, str]:
    facts = {name: str(summary[name]) for name in _FACTS if summary.get(name) is not None}
    versions = summary.get("versions")
    found = versions if isinstance(versions, Mapping) else {}
    return facts | {name: str(value) for name, value in found.items() if value is not None}
