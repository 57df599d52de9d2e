"""Compare runs: `python scripts/report.py FOLDER...` writes a page with tables and figures."""

import argparse
import sys
import time

import yaml

from gan_zoo.command_line import given_path, one_line_errors, whole_number
from gan_zoo.latest_sweep import resolve_all
from gan_zoo.report.factors import format_value
from gan_zoo.report.number_format import counted
from gan_zoo.schema import ConfigError


def assignment(text: str) -> tuple[str, str]:
    """A factor and its value, as loss=gan."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} must be KEY=VALUE, such as loss=gan")
    try:
        return key, format_value(yaml.safe_load(value))
    except yaml.YAMLError:
        return key, value


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", type=given_path, nargs="+", help="runs, or folders that hold runs"
    )
    parser.add_argument("--metric", metavar="TAG", help="what to compare by, as in metrics.jsonl")
    parser.add_argument("--better", choices=("lower", "higher"), help="if its name does not tell")
    parser.add_argument(
        "--baseline",
        type=assignment,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="what to compare with (default: the first configuration); may be repeated",
    )
    parser.add_argument("--out", type=given_path, metavar="DIR", help="default: FOLDER/report")
    parser.add_argument(
        "--watch",
        type=whole_number(1, unit="seconds"),
        nargs="?",
        const=30,
        metavar="SECONDS",
        help="write again every so often (default 30) until Ctrl-C, as runs go on",
    )
    return parser.parse_args()


def write(asked: argparse.Namespace, refresh: int | None) -> None:
    """Write the report once, and say where it is."""
    from gan_zoo.report.build import write_report  # imports matplotlib: not for --help
    from gan_zoo.report.commands import evaluate_command

    lower = {None: None, "lower": True, "higher": False}[asked.better]
    page, comparison = write_report(
        resolve_all(asked.folder),
        asked.out,
        metric=asked.metric,
        lower_is_better=lower,
        baseline=dict(asked.baseline),
        refresh=refresh,
    )
    left_out = sum(bool(each.exclusion) for each in comparison.statuses) + len(
        comparison.unreadable
    )
    runs = counted(len(comparison.statuses), "run")
    print(f"{runs}, {left_out} left out: {page}", flush=True)
    if comparison.metric is None and (command := evaluate_command(comparison)):
        print(f"no metric; measure the runs: {command}", flush=True)


def watch(asked: argparse.Namespace) -> None:
    """Write the report again and again; the last one no longer loads itself again."""
    try:
        while True:
            try:
                write(asked, asked.watch)
            except ConfigError as error:  # a sweep's first run may not have ended, or begun
                print(f"not yet: {error}", file=sys.stderr)
            time.sleep(asked.watch)
    except KeyboardInterrupt:
        print()
    write(asked, None)


def main() -> None:
    """Write the report, once or until the runs have ended."""
    asked = arguments()
    if asked.watch:
        watch(asked)
    else:
        write(asked, None)


if __name__ == "__main__":
    with one_line_errors():
        main()
