"""Runs found in folders at any depth; a broken folder is reported by name and excluded."""

import dataclasses
import functools
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gan_zoo.metrics.yardstick import Yardstick, from_plain
from gan_zoo.report.history import Curve, Curves, read_curves
from gan_zoo.report.run_files import error_reason, read_json, read_settings, read_yaml
from gan_zoo.run_folder import flatten, folders_below, read_failure
from gan_zoo.schema import ConfigError

_RUN_FILES = (".hydra", "metrics.jsonl", "summary.json")
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_BROKEN = (OSError, ValueError, TypeError, RecursionError, AttributeError, yaml.YAMLError)


@dataclasses.dataclass(frozen=True)
class Run:
    """One run, finished or not.

    Attributes:
        name: its folder, relative to what all reported folders have in common.
        settings: dotted keys of its configuration, and their values.
        references: keys of settings that are taken from another one, and that one's key.
        choices: which file each group was composed from, such as loss: gan.
        overrides: from the command line.
        order: number of its job in the sweep.
        summary: summary.json, written at the end of training; None without one.
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
    references: Mapping[str, str] = dataclasses.field(default_factory=dict)
    summary: Mapping[str, Any] | None = None
    evaluation: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    failed: str = ""

    @property
    def seed(self) -> Any:
        return self.settings.get("seed")

    @property
    def keys(self) -> dict[str, Any]:
        """Choices and settings, by key."""
        return {**self.choices, **self.settings}

    @property
    def metrics(self) -> dict[str, float]:
        """Last value of every tag, while training or by a later evaluation."""
        last = {tag: curve.last for tag, curve in self.curves.tags.items()}
        for tag, value in self._evaluated.items():
            last[tag] = float(value) if isinstance(value, (int, float)) else math.nan
        return last

    @functools.cached_property
    def _evaluated(self) -> dict[str, Any]:
        """Values of an evaluation after training, by tag; without those that are outdated."""
        found = self.evaluation.get("metrics")
        values = found if isinstance(found, Mapping) else {}
        tags = {name if "/" in name else f"metric/{name}": v for name, v in values.items()}
        step = self.evaluation.get("step")
        if not isinstance(step, int):
            return tags
        curves = self.curves.tags
        return {tag: v for tag, v in tags.items() if tag not in curves or curves[tag].step <= step}

    def curve(self, tag: str) -> Curve | None:
        """Return a tag's values while training; None without any."""
        return self.curves.tags.get(tag)

    def measured_at(self, tag: str) -> int | None:
        """Return the step of a metric's last value; None where it is unknown."""
        if tag in self._evaluated:
            step = self.evaluation.get("step")
            return step if isinstance(step, int) else None
        curve = self.curve(tag)
        return curve.step if curve else None

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of training, a run's share of a stack's; nan where unknown."""
        return _number(self.summary, "seconds") / self.stacked

    @property
    def stacked(self) -> int:
        """How many runs were trained as one model with this one, itself included."""
        stacked = (self.summary or {}).get("stacked")
        return stacked if isinstance(stacked, int) and stacked > 0 else 1

    @property
    def images_seen(self) -> float:
        """Real images in all batches of the critic; nan where unknown."""
        return _number(self.summary, "images_seen")

    @property
    def steps_per_second(self) -> float:
        """Generator updates per second of training; nan where unknown.

        From the rate of images, which is also right for a run that was resumed.
        """
        images = self.images_seen
        updates_per_image = _number(self.summary, "steps") / images if images else math.nan
        return _number(self.summary, "images_per_second") * updates_per_image * self.stacked

    @property
    def started(self) -> float | None:
        """Return the Unix time of the run's start, from the name of its event file, else None.

        Unlike the times of files, it stays the same in a copy of the folder.
        """
        names = (path.name.split(".") for path in self.folder.glob("events.out.tfevents.*"))
        return min((float(n[3]) for n in names if len(n) > 3 and n[3].isdecimal()), default=None)

    @property
    def steps(self) -> int:
        """Generator updates in the configuration; 0 where it has no number of them."""
        steps = self.settings.get("steps")
        return steps if isinstance(steps, int) else 0

    def protocol(self, metric: str) -> str:
        """Return how a metric was measured, as text that is equal for equal protocols."""
        found = self._source(metric).get("protocol") or None
        if isinstance(found, Mapping) and any("/" in str(key) for key in found):
            found = found.get(metric)  # each number has a protocol of its own
        return "" if found is None else json.dumps(found, sort_keys=True, ensure_ascii=False)

    def yardstick(self, metric: str) -> Yardstick | None:
        """Return what a metric's values mean; None where the run does not say."""
        found = self._source(metric).get("yardstick")
        return from_plain(metric, found.get(metric)) if isinstance(found, Mapping) else None

    def _source(self, metric: str) -> Mapping[str, Any]:
        """Return the file of a metric's last value: a later evaluation's, or the summary."""
        return self.evaluation if metric in self._evaluated else self.summary or {}


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """A folder that looks like a run but cannot be read, and why."""

    folder: Path
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
        raise ConfigError("folder", where, "holds no run (a folder with .hydra/config.yaml)")
    shared = Path(os.path.commonpath([folder.parent for folder in folders]))
    found = [_read(folder, str(folder.relative_to(shared))) for folder in folders]
    runs = [run for run in found if isinstance(run, Run)]
    return _in_order(runs), [run for run in found if isinstance(run, Unreadable)]


def parent_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs whose folders hold other runs."""
    above = {parent for run in runs for parent in run.folder.parents}
    return [run for run in runs if run.folder in above]


def _in_order(runs: Sequence[Run]) -> list[Run]:
    """Sort in sweep order, whose first run is the baseline.

    A run in a sweep's own folder is last: it holds other runs, and has no sibling.
    """
    siblings = Counter(run.folder.parent for run in runs)
    misplaced = {run.folder for run in parent_runs(runs) if siblings[run.folder.parent] == 1}
    return sorted(runs, key=lambda run: (run.folder in misplaced, run.folder.parent, run.order))


def _run_folders(roots: Iterable[Path]) -> Iterator[Path]:
    """Yield every run's folder at any depth, also those inside another run's folder."""
    for place in folders_below(roots):
        if any((place / name).exists() for name in _RUN_FILES):
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
        return Unreadable(folder, name, error_reason(error, folder))


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


def _number(node: Mapping[str, Any] | None, key: str) -> float:
    value = (node or {}).get(key)
    return float(value) if isinstance(value, (int, float)) else math.nan
