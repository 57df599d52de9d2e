"""How samples evolve: `python scripts/gallery.py RUN...` makes one animated picture of runs."""

import argparse

from gan_zoo.command_line import given_path, one_line_errors, whole_number
from gan_zoo.latest_sweep import resolve_all

MILLISECONDS = whole_number(20, 10_000)  # viewers slow down what is faster


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "run", type=given_path, nargs="+", help="a run's folder; several stand in a row"
    )
    parser.add_argument(
        "--out", type=given_path, help="file to write (default: gallery.gif in the run)"
    )
    parser.add_argument(
        "--each", type=MILLISECONDS, default=400, metavar="MS", help="per picture (default 400)"
    )
    return parser.parse_args()


def main() -> None:
    """Write the animated picture, and say where it is."""
    asked = arguments()
    from gan_zoo.report.animation import animate

    runs = resolve_all(asked.run)
    out = asked.out or runs[0] / "gallery.gif"
    frames = animate(runs, out, asked.each)
    print(f"{frames} pictures: {out}")


if __name__ == "__main__":
    with one_line_errors():
        main()
