"""Animate the samples of runs: `gan-zoo gallery RUN...` writes one animation."""

import argparse

from gan_zoo.command_line import as_called, given_path, one_line_errors, whole_number
from gan_zoo.latest_sweep import resolve_all

MILLISECONDS = whole_number(20, 10_000)  # viewers do not show faster animations


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=as_called(__doc__))
    parser.add_argument(
        "run", type=given_path, nargs="+", help="a run's folder; several appear side by side"
    )
    parser.add_argument(
        "--out", type=given_path, help="file to write (default: gallery.gif in the run)"
    )
    parser.add_argument(
        "--each", type=MILLISECONDS, default=400, metavar="MS", help="per picture (default 400)"
    )
    return parser.parse_args()


@one_line_errors()
def main() -> None:
    """Write the animation and print its path."""
    args = arguments()
    from gan_zoo.report.animation import animate

    runs = resolve_all(args.run)
    out = args.out or runs[0] / "gallery.gif"
    frames = animate(runs, out, args.each)
    print(f"{frames} pictures: {out}")
