"""What came of a trial, read from its runs' folders once its process has ended."""

import dataclasses
import math
import signal
from collections.abc import Sequence
from pathlib import Path

from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.report.history import read_records
from gan_zoo.run_folder import diverged, finished_summary, read_failure, write_failure


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a trial: the metric of each seed, or why it has none.

    Attributes:
        values: of the metric at the end of each seed.
        pruned: why it was stopped early, or how it diverged.
        failed: why it failed.
    """

    values: tuple[float, ...] = ()
    pruned: str = ""
    failed: str = ""

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    def __str__(self) -> str:
        if self.failed:
            return f"failed: {self.failed}"
        if self.pruned:
            return f"pruned: {self.pruned}"
        each = ", ".join(f"{value:.4g}" for value in self.values)
        return f"{self.mean:.4g}" + (f" (mean of {each})" if len(self.values) > 1 else "")


def read_outcome(folders: Sequence[Path], tag: str, code: int) -> Outcome:
    """Return what came of a trial.

    Writes failure.txt for a process that could not do so itself.

    folders: of its runs, one for each seed; tag: of the metric; code: how its process ended.
    """
    values = []
    for folder in folders:
        if reason := read_failure(folder):
            return Outcome(failed=reason)
        summary = finished_summary(folder, 0)
        if summary is None:
            write_failure(folder, exit_reason(code))
            return Outcome(failed=exit_reason(code))
        if reason := diverged(summary):
            return Outcome(pruned=reason)
        measured = list(read_metric(folder, tag).values())[-1:]
        if not measured:
            return Outcome(failed=f"{folder.name} has no {tag}")
        values += measured
    if not all(map(math.isfinite, values)):
        return Outcome(pruned=f"{tag} is not finite")
    return Outcome(tuple(values))


def read_metric(folder: Path, tag: str) -> dict[int, float]:
    """Return the values of a metric in a run by step; nan for one that is not finite.

    The suffix of the tag may differ: that of image metrics is known only with the data.
    """
    try:
        records, _, _ = read_records(folder / "metrics.jsonl")
    except OSError:
        return {}
    found = {}
    for record in records:
        name = next((each for each in record if _same_metric(each, tag)), None)
        if name:
            value = record[name]
            found[record["step"]] = math.nan if value is None else float(value)
    return found


def _same_metric(tag: str, wanted: str) -> bool:
    """Return whether two tags are of one metric."""
    return tag == wanted or (tag.startswith("metric/") and find_metric(tag) == find_metric(wanted))


def exit_reason(code: int) -> str:
    """Describe how a process ended that has not finished its run."""
    if code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended with code {code}"
