"""Run folders, found at any depth and read with patience: what cannot be read is told by name."""

import dataclasses
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gan_zoo.report.history import Curve, Curves, read_curves
from gan_zoo.run_folder import flatten, read_failure
from gan_zoo.schema import ConfigError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where it was built
_OURS = (".hydra", "metrics.jsonl", "summary.json")


@dataclasses.dataclass(frozen=True)
class Run:
    """One run, as far as it came.

    Attributes:
        name: its folder, seen from what all reported folders have in common.
        settings: dotted keys of its configuration, and their values.
        choices: which file each group was composed from, such as loss: gan.
        overrides: the words of the command line that set it apart from the defaults.
        order: place in its sweep.
        summary: what it wrote at its end; None where it has not ended.
        evaluation: evaluation.json, written by an evaluation after training; {} without one.
        failed: why its job in a sweep failed; empty where it did not.
    """

    folder: Path
    name: str
    settings: Mapping[str, Any]
    choices: Mapping[str, Any]
    overrides: tuple[str, ...]
    order: int
    curves: Curves
    summary: Mapping[str, Any] | None = None
    evaluation: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    failed: str = ""

    @property
    def seed(self) -> Any:
        return self.settings.get("seed")

    @property
    def keys(self) -> dict[str, Any]:
        """Choices and settings alike, by key."""
        return {**self.choices, **self.settings}

    @property
    def metrics(self) -> dict[str, float]:
        """Last value of every tag; a later evaluation's values win."""
        last = {tag: curve.last for tag, curve in self.curves.tags.items()}
        found = self.evaluation.get("metrics")
        for name, value in (found if isinstance(found, Mapping) else {}).items():
            tag = name if "/" in name else f"metric/{name}"
            last[tag] = float(value) if isinstance(value, (int, float)) else math.nan
        return last

    def curve(self, tag: str) -> Curve | None:
        return self.curves.tags.get(tag)

    def measured_at(self, tag: str) -> int | None:
        """The step that a metric's last value belongs to; None where that is not told."""
        step = self.evaluation.get("step")
        if self.evaluation:
            return step if isinstance(step, int) else None
        curve = self.curve(tag)
        return int(curve.steps[-1]) if curve else None

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of training; not-a-number where unknown."""
        return _number(self.summary, "seconds")

    @property
    def images_seen(self) -> float:
        """Real images that the critic saw."""
        return _number(self.summary, "images_seen")

    @property
    def steps(self) -> int:
        """Generator updates asked for; 0 where the configuration does not say."""
        steps = self.settings.get("steps")
        return steps if isinstance(steps, int) else 0

    def protocol(self, metric: str) -> str:
        """How a metric was measured, as text that is equal where the protocols are."""
        sources = (self.evaluation, self.summary or {})
        found = next((s["protocol"] for s in sources if s.get("protocol")), None)
        if isinstance(found, Mapping) and any(str(key).startswith("metric/") for key in found):
            found = found.get(metric)  # each number has a protocol of its own
        return "" if found is None else json.dumps(found, sort_keys=True, ensure_ascii=False)


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """A folder that looks like a run but cannot be read, and why."""

    folder: Path
    name: str
    reason: str


def read_runs(roots: Sequence[Path]) -> tuple[list[Run], list[Unreadable]]:
    """Every run at or below the given folders, in sweep order.

    Raises ConfigError for a root that is no folder, or where there is no run at all.
    """
    for root in roots:
        if not root.is_dir():
            raise ConfigError("folder", root, "is not a folder")
    folders = sorted({folder for root in roots for folder in _run_folders(root.resolve())})
    if not folders:
        where = ", ".join(map(str, roots))
        raise ConfigError("folder", where, "holds no run (a folder with .hydra/config.yaml)")
    shared = _common(folders)
    found = [_read(folder, shared) for folder in folders]
    runs = [run for run in found if isinstance(run, Run)]
    broken = [run for run in found if isinstance(run, Unreadable)]
    return _in_order(runs), broken


def holders(runs: Sequence[Run]) -> list[Run]:
    """Runs whose folders hold other runs."""
    above = {parent for run in runs for parent in run.folder.parents}
    return [run for run in runs if run.folder in above]


def _in_order(runs: Sequence[Run]) -> list[Run]:
    """Sweep order, whose first run is the baseline: one written into a sweep's own folder is last.

    That one holds other runs, and none lies beside it.
    """
    beside = Counter(run.folder.parent for run in runs)
    astray = {run.folder for run in holders(runs) if beside[run.folder.parent] == 1}
    return sorted(runs, key=lambda run: (run.folder in astray, run.folder.parent, run.order))


def _run_folders(root: Path) -> Iterator[Path]:
    """Every folder of a run at any depth, those inside another run's folder too."""
    for place, folders, files in os.walk(root):
        if any(name in folders or name in files for name in _OURS):
            yield Path(place)


def _common(folders: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([folder.parent for folder in folders]))


def _read(folder: Path, shared: Path) -> Run | Unreadable:
    name = str(folder.relative_to(shared))
    try:
        config = _mapping(folder / ".hydra" / "config.yaml")
        hydra = _mapping(folder / ".hydra" / "hydra.yaml", missing={}).get("hydra") or {}
        overrides = _yaml(folder / ".hydra" / "overrides.yaml", missing=[])
        return Run(
            folder=folder,
            name=name,
            settings=dict(flatten(config)),
            choices=_choices(hydra),
            overrides=tuple(map(str, overrides or [])),
            order=_order(hydra),
            curves=_curves(folder / "metrics.jsonl"),
            summary=_json(folder / "summary.json"),
            evaluation=_json(folder / "evaluation.json") or {},
            failed=read_failure(folder),
        )
    except (
        OSError,
        ValueError,
        TypeError,
        RecursionError,
        AttributeError,
        yaml.YAMLError,
    ) as error:
        return Unreadable(folder, name, _reason(error, folder))


def _reason(error: Exception, folder: Path) -> str:
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{Path(error.filename).relative_to(folder)} is missing"
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _curves(path: Path) -> Curves:
    try:
        return read_curves(path)
    except FileNotFoundError:
        return Curves({}, 0, False)  # a run that has only begun


def _yaml(path: Path, missing: Any = None) -> Any:
    if missing is not None and not path.exists():
        return missing
    try:
        return yaml.load(path.read_bytes(), Loader=_LOADER)
    except yaml.YAMLError:
        raise ValueError(f"{path.name} is not YAML") from None


def _mapping(path: Path, missing: Any = None) -> Mapping[str, Any]:
    content = _yaml(path, missing)
    if not isinstance(content, Mapping):
        raise ValueError(f"{path.name} holds no settings")
    return content


def _json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where there is no file."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        raise ValueError(f"{path.name} is not JSON; was its writing cut off?") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no object")
    return content


def _choices(hydra: Mapping[str, Any]) -> dict[str, Any]:
    """Which file each group was composed from, without Hydra's own groups."""
    choices = (hydra.get("runtime") or {}).get("choices") or {}
    return {key: value for key, value in choices.items() if not key.startswith("hydra/")}


def _order(hydra: Mapping[str, Any]) -> int:
    number = (hydra.get("job") or {}).get("num")
    return number if isinstance(number, int) else 0


def _number(node: Mapping[str, Any] | None, key: str) -> float:
    value = (node or {}).get(key)
    return float(value) if isinstance(value, (int, float)) else math.nan
