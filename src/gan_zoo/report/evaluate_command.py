"""The command that measures runs which were never evaluated."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from gan_zoo.command_line import from_here
from gan_zoo.report.comparison import Comparison

_FEW = 3  # folders that are written out


def measuring(comparison: Comparison) -> str:
    """The command, for a POSIX shell, that evaluates every finished run; empty where none can be.

    A run can be evaluated if it left a checkpoint and did not diverge.
    """
    sound = [
        each.run.folder for each in comparison.statuses if each.ended and each.kind != "diverged"
    ]
    folders = [folder for folder in sound if any(folder.glob("checkpoints/*.pt"))]
    return f"{from_here('scripts/evaluate.py')} {_words(folders)}" if folders else ""


def _words(folders: Sequence[Path]) -> str:
    """Folders as words of a command; a pattern where it matches them and nothing else."""
    parent = folders[0].parent
    if len(folders) > _FEW and set(parent.glob("*=*")) == {*folders}:
        return f"{shlex.quote(_seen_from_here(parent))}/*=*"
    return shlex.join(map(_seen_from_here, folders))


def _seen_from_here(folder: Path) -> str:
    """A path from the current folder if it lies below it; never one that looks like an option."""
    path = os.path.relpath(folder)
    if path.startswith(os.pardir):
        return str(folder)
    return f"./{path}" if path.startswith("-") else path
