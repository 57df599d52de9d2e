"""Make tables and figures of docs/studies.md from docs/studies/NAME.csv: `gan-zoo studies`.

`gan-zoo train study=NAME` writes outputs/studies/NAME.csv; a copy in docs/studies is what is shown.
"""

import argparse
from pathlib import Path

from gan_zoo.command_line import given_path, one_line_errors


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--docs", type=given_path, default=Path("docs"), help="folder of the page (default: docs)"
    )
    return parser.parse_args()


@one_line_errors()
def main() -> None:
    """Write the page and its figures, and print the names of the studies."""
    args = arguments()
    from gan_zoo.studies.page import update_page  # imports matplotlib

    names = update_page(args.docs)
    print(f"{args.docs / 'studies.md'}: {', '.join(names) or 'no results yet'}")
