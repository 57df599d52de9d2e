"""Command lines: commands that messages print work when pasted, and `~` is the home folder."""

import shlex
from pathlib import Path

from gan_zoo.schema import at_home

_ROOT = Path(__file__).resolve().parents[2]


def from_here(script: str, *words: str) -> str:
    """The command, quoted for a POSIX shell, that runs a script from the current folder.

    script is relative to the project's folder; elsewhere its absolute path is needed.
    """
    path = _ROOT / script
    elsewhere = Path.cwd() != _ROOT and path.is_file()
    return shlex.join(["python", str(path) if elsewhere else script, *words])


def given_path(text: str) -> Path:
    """A path that was given on a command line, with a `~` at its beginning expanded."""
    return Path(at_home(text))
