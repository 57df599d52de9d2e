"""What the folder of a run says about it."""

import dataclasses
import functools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_zoo.metrics.yardstick import Yardstick, read_yardstick
from gan_zoo.report.history import Curve, Curves, as_number


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
    def data(self) -> str:
        """Return the fingerprint of the data of training; empty where it is unknown."""
        return str((self.summary or {}).get("dataset_fingerprint") or "")

    @property
    def keys(self) -> dict[str, Any]:
        """Choices and settings, by key."""
        return {**self.choices, **self.settings}

    @property
    def metrics(self) -> dict[str, float]:
        """Last value of every tag; values of a later evaluation replace those of training."""
        last = {tag: curve.last for tag, curve in self.curves.tags.items()}
        return last | {tag: as_number(value) for tag, value in self._evaluated.items()}

    @functools.cached_property
    def _evaluated(self) -> dict[str, Any]:
        """Values of an evaluation after training, by tag.

        Without those of a checkpoint from which training went on and evaluated again.
        """
        found = self.evaluation.get("metrics")
        values = found if isinstance(found, Mapping) else {}
        tagged = {name if "/" in name else f"metric/{name}": v for name, v in values.items()}
        step = self.evaluation.get("step")
        if not isinstance(step, int):
            return tagged
        last = {tag: curve.steps[-1] for tag, curve in self.curves.tags.items()}
        return {tag: value for tag, value in tagged.items() if last.get(tag, 0) <= step}

    def curve(self, tag: str) -> Curve | None:
        """Return a tag's values while training; None without any."""
        return self.curves.tags.get(tag)

    def measured_at(self, tag: str) -> int | None:
        """Return the step of a metric's last value; None where it is unknown."""
        if tag in self._evaluated:
            step = self.evaluation.get("step")
            return step if isinstance(step, int) else None
        curve = self.curve(tag)
        return int(curve.steps[-1]) if curve else None

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
        return read_yardstick(metric, found.get(metric)) if isinstance(found, Mapping) else None

    def _source(self, metric: str) -> Mapping[str, Any]:
        """Return the file of a metric's last value: a later evaluation's, or the summary."""
        return self.evaluation if metric in self._evaluated else self.summary or {}


def parent_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs whose folders hold other runs."""
    above = {parent for run in runs for parent in run.folder.parents}
    return [run for run in runs if run.folder in above]


def _number(node: Mapping[str, Any] | None, key: str) -> float:
    return as_number((node or {}).get(key))
