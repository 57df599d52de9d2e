"""Add results to docs/studies, and make tables and figures of docs/studies.md: `gan-zoo studies`.

`gan-zoo train study=NAME` writes outputs/studies/NAME.csv, also for some parts or losses only.
"""

import argparse
from pathlib import Path

from gan_zoo.command_line import as_called, given_path, one_line_errors
from gan_zoo.report.number_format import counted
from gan_zoo.schema import ConfigError


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=as_called(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "results", type=given_path, nargs="*", help="outputs/studies/NAME.csv, to be added"
    )
    parser.add_argument(
        "--docs", type=given_path, default=Path("docs"), help="folder of the page (default: docs)"
    )
    return parser.parse_args()


def add(results: Path, docs: Path) -> None:
    """Add the rows of a study's results to the page's. Raises ConfigError for other runs."""
    from gan_zoo.studies.plan import BUDGETS, load_study
    from gan_zoo.studies.results import check_rows, merge_results

    if not results.is_file():
        raise ConfigError("results", results, "does not exist: train.py study=NAME writes it")
    name, _, budget = results.stem.rpartition("-")
    if name and budget in BUDGETS:
        allowed = f"is of study.budget={budget}, a check; the page has full budgets only"
        raise ConfigError("results", results, allowed)
    study = load_study(results.stem)
    check_rows(results, study)
    path = docs / "studies" / results.name
    new, replaced = merge_results(results, path, study.parts)
    print(f"{path}: {counted(new, 'new run')}, {replaced} replaced")


@one_line_errors()
def main() -> None:
    """Add results, write the page and its figures, and print the names of the studies."""
    args = arguments()
    from gan_zoo.studies.page import update_page  # imports matplotlib

    for results in args.results:
        add(results, args.docs)
    names = update_page(args.docs)
    print(f"{args.docs / 'studies.md'}: {', '.join(names) or 'no results yet'}")
