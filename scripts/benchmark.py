"""Measure the speed of gan_zoo on this machine: `python scripts/benchmark.py COMMAND --help`."""

import argparse
import sys
from pathlib import Path

from benchmarks import data, devices, log_cost, metrics, sheet, stack, start, step, sweep
from gan_zoo import launch
from gan_zoo.command_line import given_path

BENCHMARKS = {
    "data": data,
    "devices": devices,
    "logging": log_cost,
    "metrics": metrics,
    "stack": stack,
    "start": start,
    "step": step,
    "sweep": sweep,
}


def main() -> None:
    """Run one benchmark, print its table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out",
        type=given_path,
        default=Path("outputs/benchmarks"),
        help="folder for the JSON file",
    )
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    for name, benchmark in BENCHMARKS.items():
        benchmark.arguments(commands.add_parser(name, help=benchmark.__doc__))
    args = parser.parse_args(launch.prepare_overrides(sys.argv[1:]))
    path, rows = args.out / f"{args.name}.json", []
    try:
        rows.extend(BENCHMARKS[args.name].measure(args))
    finally:  # what was measured before a failure or a signal, too
        if rows:
            sheet.show(rows)
            sheet.write(path, rows)
            print(f"written to {path}")


if __name__ == "__main__":
    with launch.one_line_hydra_errors():
        main()
