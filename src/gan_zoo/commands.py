"""Commands that messages print: quoted for a POSIX shell, so that they work when pasted."""

import shlex
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def from_here(script: str, *words: str) -> str:
    """The command that runs a script of this project from the current folder.

    script is relative to the project's folder. Its absolute path is printed elsewhere.
    """
    path = _ROOT / script
    elsewhere = Path.cwd() != _ROOT and path.is_file()
    return shlex.join(["python", str(path) if elsewhere else script, *words])
