"""Tune every loss under the same budget: train what is missing of a search, write its results."""

import datetime
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gan_zoo.atomic_write import write_text
from gan_zoo.command_line import EXIT_FAILED, exit_code, exit_with
from gan_zoo.launch.resume import SWEEPS
from gan_zoo.report.number_format import counted, format_number
from gan_zoo.run_folder import finished_summary, read_failure
from gan_zoo.run_lock import FolderInUse, lock_folder
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import Interrupted, catch_signals
from gan_zoo.tuning.random_search import FRESH_SEEDS, PlannedRun, RandomSearch, skipped_losses
from gan_zoo.tuning.run_pool import RunPool
from gan_zoo.tuning.run_rows import (
    FRESH,
    best_rows,
    check_keys,
    finished_rows,
    no_value,
    primary_metric,
    read_rows,
    run_row,
    settings_of,
    value,
    write_results,
)

TRIALS = 20  # of each loss, by default
_SAVED = 10  # runs after which the results are written, for who kills the search


class Place(NamedTuple):
    """Where and how a search trains.

    Attributes:
        name: of the sweep with its runs, in outputs/sweeps.
        results: folder of CSV files and tables.
        jobs: runs at once.
    """

    name: str
    results: Path
    jobs: int


def tune(search: RandomSearch, trials: int, place: Place) -> None:
    """Train the missing trials of every loss that can be trained; write RESULTS/DATASET.csv.

    A signal ends the program, and so do failed runs, after all others.
    """
    skipped = skipped_losses(search.trials(search.losses, 1))
    for loss, reason in skipped.items():
        print(f"{loss} is skipped: {reason}")
    runs = search.trials([loss for loss in search.losses if loss not in skipped], trials)
    _train(runs, place, search.dataset)


def train_fresh(search: RandomSearch, place: Place, seeds: Sequence[int] = FRESH_SEEDS) -> None:
    """Train fresh seeds of the best trials of RESULTS/DATASET.csv; write DATASET-fresh.csv.

    Raises ConfigError without that file or a trial with a value, and for a trial whose command has
    settings that the search does not.
    """
    where = place.results / f"{search.dataset}.csv"
    rows = read_rows(where)
    best = best_rows(rows)
    chosen = {loss: best[loss] for loss in search.losses if loss in best}
    missing = [loss for loss in search.losses if loss not in best]
    if not chosen:
        own = [row for row in rows if row["loss"] in search.losses]
        untried = f"no trial with a value in {where}: run the search first"
        allowed = f"in {where} {no_value(own)}" if own else untried
        raise ConfigError("--losses", ",".join(search.losses), allowed)
    if missing:
        print(f"without a trial that has a value in {where}: {', '.join(missing)}")
    settings = {loss: (row["recipe"], settings_of(row)) for loss, row in chosen.items()}
    runs = search.fresh(settings, seeds)
    for run in runs:
        row = chosen[run.loss]
        if run.recipe == row["recipe"]:
            check_keys(run, row, where)
    fresh = place._replace(name=f"{place.name}{FRESH}")
    _train(runs, fresh, f"{search.dataset}{FRESH}")


def _train(runs: Sequence[PlannedRun], place: Place, name: str) -> None:
    """Train the runs that have not finished, print each one that ends, and write all results."""
    folder = SWEEPS / place.name
    try:
        with lock_folder(folder):
            _train_missing(runs, folder, place.results / f"{name}.csv", place.jobs)
    except FolderInUse:
        raise ConfigError("sweep", place.name, "another process runs this search") from None


def _train_missing(runs: Sequence[PlannedRun], folder: Path, path: Path, jobs: int) -> None:
    from gan_zoo.devices import visible_gpus  # imports torch

    finished = finished_rows(runs, folder, path)
    missing = {folder / run.name: run for run in runs if run not in finished}
    print(f"{counted(len(runs), 'run')}, {len(missing)} to train, {jobs} at once", flush=True)
    pool = RunPool(jobs, visible_gpus(), folder / "processes.log")
    began = time.monotonic()
    try:
        with catch_signals() as flag:
            given = [(place, run.overrides) for place, run in missing.items()]
            for done, place in enumerate(pool.train(given, flag), 1):
                if finished_summary(place, 0):  # whose numbers are enough
                    shutil.rmtree(place / "checkpoints", ignore_errors=True)
                left = (time.monotonic() - began) / done * (len(missing) - done)
                eta = datetime.timedelta(seconds=round(left))
                print(f"{place.name}: {_ended(missing[place], place)}; ETA {eta}", flush=True)
                if done % _SAVED == 0:
                    write_results(runs, folder, path)
    except Interrupted as error:
        exit_with(error, exit_code(error), "the same command continues")
    finally:
        count = write_results(runs, folder, path)
        print(f"{count} of {counted(len(runs), 'run')} in {path}", flush=True)
    failed = {place.name: reason for place in missing if (reason := read_failure(place))}
    if failed:
        lines = [f"  {name}: {reason}" for name, reason in failed.items()]
        print(f"{counted(len(failed), 'run')} failed:", *lines, sep="\n", file=sys.stderr)
        sys.exit(EXIT_FAILED)


def _ended(run: PlannedRun, folder: Path) -> str:
    """Describe how a run ended: its metric and its health, or why it failed."""
    row = run_row(run, folder)
    if row is None:
        return f"failed: {read_failure(folder)}"
    metric = primary_metric([row])
    if metric is None:
        return row["health"]
    return f"{metric.tag} {format_number(value(row, metric))}; {row['health']}"


def write_tables(results: Path) -> None:
    """Write RESULTS/tables.md and trials.png, from all searches in this folder.

    Raises ConfigError where there is no such folder.
    """
    if not results.is_dir():
        raise ConfigError("--results", results, "does not exist: name a dataset to run its search")
    from gan_zoo.tuning.recipe_table import format_tables  # imports scipy
    from gan_zoo.tuning.trial_figure import write_trials  # imports matplotlib

    write_text(results / "tables.md", format_tables(results))
    print(f"tables: {results / 'tables.md'}")
    if write_trials(results, results / "trials.png"):
        print(f"figure: {results / 'trials.png'}")
