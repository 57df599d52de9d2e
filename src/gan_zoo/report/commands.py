"""Commands that a report prints, for a POSIX shell: evaluate runs, or train one again."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from gan_zoo.command_line import from_here
from gan_zoo.report.comparison import Comparison
from gan_zoo.report.protocols import largest_sample

EVALUATE_FIRST = "Evaluate all runs alike with this command, then write the report again:"
_LISTED = 3  # folders that are written out


def evaluation_needed(comparison: Comparison) -> str:
    """Return the command that makes all runs comparable; empty where they are, or cannot be.

    Runs without a common metric are evaluated as usual, those of different protocols on the
    largest number of samples among them.
    """
    if comparison.metric is None:
        return "" if comparison.measures_differ else evaluate_command(comparison)
    if max(map(len, comparison.protocols.values()), default=0) < 2:
        return ""
    protocols = set().union(*comparison.protocols.values())
    is_sampled = comparison.metric.tag.startswith("metric/")  # others have a fixed number
    count = largest_sample(protocols) if is_sampled else None
    return evaluate_command(comparison, [f"num_samples={count}"] if count else [])


def evaluate_command(comparison: Comparison, settings: Sequence[str] = ()) -> str:
    """Return the command that evaluates every finished run; empty where there is none.

    A run can be evaluated if it has a checkpoint and did not diverge. settings: words to add.
    """
    finished = [
        each.run.folder for each in comparison.statuses if each.ended and each.kind != "diverged"
    ]
    folders = [folder for folder in finished if any(folder.glob("checkpoints/*.pt"))]
    words = [from_here("scripts/evaluate.py"), _words(folders), *settings] if folders else []
    return " ".join(words)


def _words(folders: Sequence[Path]) -> str:
    """Quote folders for a shell; as a pattern where one matches them and nothing else."""
    parent = folders[0].parent
    if len(folders) > _LISTED and set(parent.glob("*=*")) == {*folders}:
        return f"{shlex.quote(_relative(parent))}/*=*"
    return shlex.join(map(_relative, folders))


def _relative(folder: Path) -> str:
    """A path relative to the current folder if it lies below it; never an option or a setting."""
    path = os.path.relpath(folder)
    if path.startswith(os.pardir):
        return str(folder)
    return f"./{path}" if path.startswith("-") or "=" in path.partition(os.sep)[0] else path
