"""Tune every loss under the same budget: the same random search for each, then fresh seeds.

  gan-zoo tune-losses mnist
      searches; writes RESULTS/mnist.csv
  gan-zoo tune-losses mnist --fresh
      5 new seeds of the best trial, of the default recipe and of the paper's; writes
      RESULTS/mnist-fresh.csv
  gan-zoo tune-losses
      writes RESULTS/tables.md, which compares these three, and RESULTS/trials.png, all trials of
      each loss

Losses, settings and datasets are those of configs/tune_losses.yaml. Trial 7 has the same settings
for every loss. Runs are in outputs/sweeps/tune-mnist, those of --fresh in
outputs/sweeps/tune-mnist-fresh, without checkpoints; the same command continues a search that was
stopped or killed, and with more --trials a finished one. What RESULTS/mnist.csv has already is not
trained again, on another machine either.
"""

import argparse
from pathlib import Path

from gan_zoo.command_line import as_called, given_path, one_line_errors, whole_number
from gan_zoo.tuning.equal_budgets import TRIALS, Place, train_fresh, tune, write_tables
from gan_zoo.tuning.random_search import dataset_names, read_search


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=as_called(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", nargs="?", help=", ".join(dataset_names()))
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of all runs")
    whole = whole_number(1)
    parser.add_argument("--trials", type=whole, default=TRIALS, help="of each loss (default 20)")
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
        write_tables(args.results)
        return
    search = read_search(args.dataset, args.overrides, tuple(filter(None, args.losses.split(","))))
    place = Place(f"tune-{args.dataset}", args.results, args.jobs)
    if args.fresh:
        train_fresh(search, place)
        write_tables(args.results)
    else:
        tune(search, args.trials, place)
