"""Find and read the runs in folders; a broken folder is reported by name and excluded."""

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gan_zoo.report.history import Curves, read_curves
from gan_zoo.report.run_files import error_reason, read_json, read_settings, read_yaml
from gan_zoo.report.runs import Run, parent_runs
from gan_zoo.run_folder import folders_below, read_failure, run_above, sweep_of
from gan_zoo.schema import ConfigError
from gan_zoo.setting_keys import flatten

_RUN_FILES = (".hydra", "metrics.jsonl", "summary.json")
_ARTIFACTS = "artifacts"  # MLflow's copy of a run's summary and samples, which is no run
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_BROKEN = (OSError, ValueError, TypeError, RecursionError, AttributeError, yaml.YAMLError)


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """A folder that looks like a run but cannot be read, and why."""

    name: str
    reason: str


def read_runs(roots: Sequence[Path]) -> tuple[list[Run], list[Unreadable]]:
    """Read every run at or below the given folders, in sweep order.

    Raises ConfigError for a root that is no folder, or where there is no run at all.
    """
    for root in roots:
        if not root.is_dir():
            raise ConfigError("folder", root, "is not a folder")
    folders = sorted(_run_folders(roots))
    if not folders:
        where = ", ".join(map(str, roots))
        above = run_above(roots[0])
        allowed = f"holds no run (a folder with .hydra/config.yaml){above}"
        raise ConfigError("folder", where, allowed)
    shared = Path(os.path.commonpath([folder.parent for folder in folders]))
    found = [_read(folder, str(folder.relative_to(shared))) for folder in folders]
    runs = [run for run in found if isinstance(run, Run)]
    return _in_order(runs), [run for run in found if isinstance(run, Unreadable)]


def require_runs(
    runs: Sequence[Run], unreadable: Sequence[Unreadable], roots: Sequence[Path]
) -> None:
    """Raise ConfigError, with the reason of each, if no run of some folders can be read."""
    if not runs:
        reasons = "; ".join(f"{each.name}: {each.reason}" for each in unreadable)
        raise ConfigError("folder", ", ".join(map(str, roots)), f"no run can be read: {reasons}")


def _in_order(runs: Sequence[Run]) -> list[Run]:
    """Sort in sweep order, whose first run is the baseline.

    A run in a sweep's own folder is last: it holds other runs, and has no sibling.
    """
    siblings = Counter(run.folder.parent for run in runs)
    misplaced = {run.folder for run in parent_runs(runs) if siblings[run.folder.parent] == 1}
    return sorted(runs, key=lambda run: (run.folder in misplaced, sweep_of(run.folder), run.order))


def _run_folders(roots: Iterable[Path]) -> Iterator[Path]:
    """Yield every run's folder at any depth, also those inside another run's folder."""
    for place in folders_below(roots):
        files = [name for name in _RUN_FILES if (place / name).exists()]
        if files and not (place.name == _ARTIFACTS and files == ["summary.json"]):
            yield place


def _read(folder: Path, name: str) -> Run | Unreadable:
    try:
        written = dict(flatten(read_settings(folder / ".hydra" / "config.yaml")))
        references = _references(written)
        hydra = read_settings(folder / ".hydra" / "hydra.yaml", default={}).get("hydra") or {}
        overrides = read_yaml(folder / ".hydra" / "overrides.yaml", default=[])
        return Run(
            folder=folder,
            name=name,
            settings=written | {key: _followed(key, written, references) for key in references},
            references=references,
            choices=_choices(hydra),
            overrides=tuple(map(str, overrides or [])),
            order=_order(hydra),
            curves=_curves(folder / "metrics.jsonl"),
            summary=read_json(folder / "summary.json"),
            evaluation=read_json(folder / "evaluation.json") or {},
            failed=read_failure(folder),
        )
    except _BROKEN as error:
        return Unreadable(name, error_reason(error, folder))


def _references(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys whose values are those of other keys (`${optimizer.lr}`)."""
    named = {key: _REFERENCE.fullmatch(str(value)) for key, value in settings.items()}
    return {key: found[1] for key, found in named.items() if found and found[1] in settings}


def _followed(key: str, settings: Mapping[str, Any], references: Mapping[str, str]) -> Any:
    """Return the value of a setting that is taken from another one, which may be as well."""
    seen = set()
    while key in references and key not in seen:
        seen.add(key)
        key = references[key]
    return settings[key]


def _curves(path: Path) -> Curves:
    try:
        return read_curves(path)
    except FileNotFoundError:
        return Curves({}, 0, False)  # a run that has only begun


def _choices(hydra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the choice of each group, without Hydra's own and those that another choice made."""
    choices = (hydra.get("runtime") or {}).get("choices") or {}
    return {
        key: value
        for key, value in choices.items()
        if not key.startswith("hydra/") and not key.endswith("@_global_")
    }


def _order(hydra: Mapping[str, Any]) -> int:
    number = (hydra.get("job") or {}).get("num")
    return number if isinstance(number, int) else 0
