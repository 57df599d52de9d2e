"""Names of the data that runs were trained on: what differs within a dataset, in words."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from gan_zoo.report.factors import format_value, identity, telling_apart
from gan_zoo.report.runs import Run


def dataset_of(run: Run) -> str:
    """Name the dataset of a run: its choice, or else the class."""
    return format_value(run.choices.get("dataset") or run.keys.get("dataset._target_", "data"))


def data_names(runs: Sequence[Run]) -> list[str]:
    """Name the data of each run, such as "ring", or "ring, dataset.modes=4" if others differ.

    A run that does not state its data has that of the runs like it.
    """
    peers: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        peers[dataset_of(run)].append(run)
    details: dict[Path, str] = {}
    for group in peers.values():
        details |= zip((run.folder for run in group), _details(group), strict=True)
    return [dataset_of(run) + details[run.folder] for run in runs]


def _details(runs: Sequence[Run]) -> list[str]:
    """Return what tells the data of runs on one dataset apart; empty texts where nothing does."""
    stated = [run for run in runs if run.data]
    if len({run.data for run in stated}) < 2:
        return [""] * len(runs)
    keys = telling_apart(stated, [run.data for run in stated], "dataset.")
    if keys:
        return [
            "".join(f", {key}={format_value(run.keys.get(key))}" for key in keys) for run in runs
        ]
    return [f", dataset_fingerprint {run.data or _likely_data(run, stated)}" for run in runs]


def _likely_data(run: Run, stated: Sequence[Run]) -> str:
    alike = [each for each in stated if identity(each) == identity(run)] or stated
    return Counter(each.data for each in alike).most_common(1)[0][0]
