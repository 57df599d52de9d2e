"""How samples evolve: `python scripts/gallery.py RUN...` makes one animated picture of runs."""

import argparse
import sys

from gan_zoo.commands import given_path
from gan_zoo.schema import SettingError

MISTAKE = 2


def milliseconds(text: str) -> int:
    """A duration, 20 to 10,000 ms: viewers slow down what is faster."""
    if not text.isdecimal() or not 20 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 20 to 10000")
    return int(text)


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
        "--each", type=milliseconds, default=400, metavar="MS", help="per picture (default 400)"
    )
    return parser.parse_args()


def main() -> None:
    """Write the animated picture, and say where it is."""
    asked = arguments()
    from gan_zoo.report.gallery import animate

    out = asked.out or asked.run[0] / "gallery.gif"
    frames = animate(asked.run, out, asked.each)
    print(f"{frames} pictures: {out}")


if __name__ == "__main__":
    try:
        main()
    except SettingError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(MISTAKE)
