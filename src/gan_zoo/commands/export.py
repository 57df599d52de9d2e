"""Copy runs into another program's store: `gan-zoo export --mlflow FOLDER...`."""

import argparse
import os
import sys
from collections import Counter

from gan_zoo.command_line import EXIT_FAILED, as_called, exit_with, given_path, one_line_errors
from gan_zoo.latest_sweep import resolve_all
from gan_zoo.report.number_format import counted

_DEFAULT = "sqlite:///mlflow.db"


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=as_called(__doc__))
    parser.add_argument(
        "folder", type=given_path, nargs="+", help="runs, or folders that contain runs"
    )
    parser.add_argument(
        "--mlflow", action="store_true", required=True, help="to MLflow, the only store so far"
    )
    parser.add_argument(
        "--uri", help=f"of the store (default: MLFLOW_TRACKING_URI, or {_DEFAULT} in this folder)"
    )
    parser.add_argument(
        "--experiment",
        default="",
        help="its name (default: where the run is already, or else the name of the sweep's folder)",
    )
    return parser.parse_args()


@one_line_errors()
def main() -> None:
    """Export all runs of the given folders; a second call adds only what is new."""
    args = arguments()
    from gan_zoo.mlflow_export import connect, export  # these import numpy, and MLflow
    from gan_zoo.report.read_runs import read_runs, require_runs

    runs, unreadable = read_runs(resolve_all(args.folder))
    require_runs(runs, unreadable, args.folder)
    uri = args.uri or os.environ.get("MLFLOW_TRACKING_URI") or _DEFAULT
    counts: Counter[str] = Counter()
    if uri.startswith("http"):  # a server that does not answer takes MLflow minutes
        print(f"connecting to {uri}", file=sys.stderr)
    client = connect(uri)
    from mlflow.exceptions import MlflowException

    try:
        for each in export(client, runs, args.experiment):
            print(f"{each.status:<9}  {each.run.name}", flush=True)
            counts[each.status] += 1
    except MlflowException as error:
        exit_with(f"{uri}: {error}; the same command exports the rest", EXIT_FAILED)
    done = ", ".join(f"{count} {status}" for status, count in counts.items())
    print(f"{counted(len(runs), 'run')}: {done}; {uri}")
    if unreadable:
        names = ", ".join(each.name for each in unreadable)
        exit_with(f"{counted(len(unreadable), 'run')} cannot be read: {names}", EXIT_FAILED)
