"""Tune every loss under the same budget: the same random search for each, then fresh seeds.

  gan-zoo tune-losses mnist             searches; writes RESULTS/mnist.csv
  gan-zoo tune-losses mnist --fresh     5 new seeds of the best trial, of the default recipe and
                                        of the paper's; writes RESULTS/mnist-fresh.csv
  gan-zoo tune-losses                   writes RESULTS/tables.md, which compares these three, and
                                        RESULTS/trials.png, all trials of each loss

Losses, settings and datasets are those of configs/tune_losses.yaml. Trial 7 has the same settings
for every loss. Runs are in outputs/sweeps/tune-mnist, without checkpoints; the same command
continues a search that was stopped or killed, and with more --trials a finished one. What
RESULTS/mnist.csv has already is not trained again, on another machine either.
"""

import argparse
import datetime
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gan_zoo.atomic_write import write_text
from gan_zoo.command_line import (
    EXIT_FAILED,
    exit_code,
    exit_with,
    given_path,
    one_line_errors,
    whole_number,
)
from gan_zoo.launch.resume import SWEEPS
from gan_zoo.report.number_format import counted, number
from gan_zoo.run_folder import read_failure
from gan_zoo.run_lock import FolderInUse, lock_folder
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import Interrupted, catch_signals
from gan_zoo.tuning.random_search import (
    PlannedRun,
    RandomSearch,
    dataset_names,
    read_search,
    skipped_losses,
)
from gan_zoo.tuning.run_pool import RunPool
from gan_zoo.tuning.run_rows import (
    FRESH,
    best_rows,
    finished_rows,
    primary_metric,
    read_rows,
    run_row,
    settings_of,
    value,
    write_results,
)
from gan_zoo.tuning.trial import visible_gpus

_TRIALS = 20
_SAVED = 10  # runs after which the results are written, for who kills the search


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", nargs="?", help=", ".join(dataset_names()))
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of all runs")
    whole = whole_number(1)
    parser.add_argument("--trials", type=whole, default=_TRIALS, help="of each loss (default 20)")
    parser.add_argument("--jobs", type=whole, default=1, help="runs at once (default 1)")
    parser.add_argument("--losses", default="", help="some of them, such as gan,wgan (default all)")
    parser.add_argument("--fresh", action="store_true", help="train the best with fresh seeds")
    parser.add_argument(
        "--results",
        type=given_path,
        default=Path("outputs/tuning"),
        help="folder of CSV files (default outputs/tuning)",
    )
    return parser.parse_intermixed_args()


@one_line_errors()
def main() -> None:
    """Train what is missing of a search, or of its fresh seeds, and write the results."""
    args = arguments()
    if args.dataset is None:
        _write_tables(args.results)
        return
    search = read_search(args.dataset, args.overrides, tuple(filter(None, args.losses.split(","))))
    trials = args.results / f"{args.dataset}.csv"
    if args.fresh:
        runs, name = _fresh_runs(search, trials), f"{args.dataset}{FRESH}"
    else:
        runs, name = _trials(search, args.trials), args.dataset
    folder, path = SWEEPS / f"tune-{name}", args.results / f"{name}.csv"
    try:
        with lock_folder(folder):
            _train(runs, folder, path, args.jobs)
    except FolderInUse:
        raise ConfigError("DATASET", args.dataset, "another process runs this search") from None
    if args.fresh:
        _write_tables(args.results)


def _trials(search: RandomSearch, count: int) -> list[PlannedRun]:
    """Return the runs of a search, without the losses that cannot be trained."""
    skipped = skipped_losses(search.trials(search.losses, 1))
    for loss, reason in skipped.items():
        print(f"{loss} is skipped: {reason}")
    return search.trials([loss for loss in search.losses if loss not in skipped], count)


def _fresh_runs(search: RandomSearch, path: Path) -> list[PlannedRun]:
    """Return the runs with fresh seeds; path: of the results of the search."""
    rows = read_rows(path)
    best = best_rows(rows, primary_metric(rows))
    chosen = {loss: best[loss] for loss in search.losses if loss in best}
    return search.fresh({loss: (row["recipe"], settings_of(row)) for loss, row in chosen.items()})


def _train(runs: Sequence[PlannedRun], folder: Path, path: Path, jobs: int) -> None:
    """Train the runs that have not finished, print each one that ends, and write all results."""
    finished = finished_rows(runs, folder, path)
    missing = {folder / run.name: run for run in runs if run not in finished}
    print(f"{counted(len(runs), 'run')}, {len(missing)} to train, {jobs} at once", flush=True)
    pool = RunPool(jobs, visible_gpus(), folder / "processes.log")
    began = time.monotonic()
    try:
        with catch_signals() as flag:
            given = [(place, run.overrides) for place, run in missing.items()]
            for done, place in enumerate(pool.train(given, flag), 1):
                shutil.rmtree(place / "checkpoints", ignore_errors=True)  # numbers are enough
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
    if not any(key.startswith("metric/") for key in row):
        return row["health"]
    metric = primary_metric([row])
    return f"{metric.tag} {number(value(row, metric))}; {row['health']}"


def _write_tables(results: Path) -> None:
    from gan_zoo.tuning.recipe_table import format_tables  # imports scipy
    from gan_zoo.tuning.trial_figure import write_trials  # imports matplotlib

    write_text(results / "tables.md", format_tables(results))
    print(f"tables: {results / 'tables.md'}")
    if write_trials(results, results / "trials.png"):
        print(f"figure: {results / 'trials.png'}")
