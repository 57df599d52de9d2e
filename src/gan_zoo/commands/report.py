"""Compare runs: `gan-zoo report FOLDER...` writes a page with tables and figures."""

import argparse
import sys
import time

from gan_zoo.command_line import as_called, given_path, one_line_errors, whole_number
from gan_zoo.latest_sweep import resolve_all
from gan_zoo.report.number_format import counted
from gan_zoo.schema import ConfigError


def assignment(text: str) -> tuple[str, str]:
    """Parse a factor and its value, as loss=gan."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} must be KEY=VALUE, such as loss=gan")
    return key, value


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=as_called(__doc__))
    parser.add_argument(
        "folder", type=given_path, nargs="+", help="runs, or folders that contain runs"
    )
    parser.add_argument("--metric", metavar="TAG", help="tag to compare, as in metrics.jsonl")
    parser.add_argument(
        "--better", choices=("lower", "higher"), help="if the tag's name does not define it"
    )
    parser.add_argument(
        "--baseline",
        type=assignment,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="baseline (default: the first configuration); repeat for more keys",
    )
    parser.add_argument("--out", type=given_path, metavar="DIR", help="default: FOLDER/report")
    parser.add_argument(
        "--watch",
        type=whole_number(1, unit="seconds"),
        nargs="?",
        const=30,
        metavar="SECONDS",
        help="rewrite at this interval (default 30) until Ctrl-C, while runs train",
    )
    return parser.parse_args()


def write(args: argparse.Namespace, refresh: int | None) -> None:
    """Write the report once and print its path."""
    from gan_zoo.report.build import write_report  # imports matplotlib: not for --help
    from gan_zoo.report.commands import evaluation_needed

    page, comparison = write_report(
        resolve_all(args.folder),
        args.out,
        metric=args.metric,
        lower_is_better=None if args.better is None else args.better == "lower",
        baseline=dict(args.baseline),
        refresh=refresh,
    )
    excluded = sum(bool(each.exclusion) for each in comparison.statuses)
    excluded += len(comparison.unreadable)
    runs = counted(len(comparison.statuses), "run")
    print(f"{runs}, {excluded} excluded: {page}", flush=True)
    command = evaluation_needed(comparison)
    if comparison.metric is None and command:
        print(f"no metric; evaluate the runs: {command}", flush=True)
    count = max(map(len, comparison.protocols.values()), default=0)
    if count > 1:
        what_next = f"; evaluate all alike: {command}" if command else ""
        print(f"runs of {count} protocols are compared separately{what_next}", flush=True)


def watch(args: argparse.Namespace) -> None:
    """Write the report repeatedly; the last page no longer reloads itself."""
    try:
        while True:
            try:
                write(args, args.watch)
            except ConfigError as error:  # the first run of a sweep may not have finished
                print(f"not yet: {error}", file=sys.stderr)
            time.sleep(args.watch)
    except KeyboardInterrupt:
        print()
    write(args, None)


@one_line_errors()
def main() -> None:
    """Write the report, once or repeatedly."""
    args = arguments()
    if args.watch:
        watch(args)
    else:
        write(args, None)
