"""CSV files with a row for each run: reading, writing, and where a run came from."""

import csv
import functools
import io
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_zoo.atomic_write import write_text
from gan_zoo.setting_keys import DATA_ACCESS, DATA_ROOT, key_of

Row = Mapping[str, str]
# keys that say where and how fast a run was trained, not what
MACHINE = {DATA_ROOT, *DATA_ACCESS, "evaluation.cache"}
MACHINE |= {"device", "devices", "threads", "deterministic", "stack", "compile"}
# words that only the machine of the run has, and what stands for them
_OF_THE_MACHINE = {DATA_ROOT: f"{DATA_ROOT}=data", "dataset.cache": "", "evaluation.cache": ""}


def read_csv(path: Path) -> list[Row]:
    """Read what `write_csv` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write these columns of rows as CSV; one that a row lacks is empty there."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


@functools.cache  # each cell of a table asks
def command_settings(command: str) -> Mapping[str, str]:
    """Return the settings that a run's command has, by key."""
    return {key_of(word): word.partition("=")[2] for word in shlex.split(command) if "=" in word}


def origin_columns(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return device, commit and command of a run by its summary; empty where unknown.

    The command has no folder of the machine; the commit says so if its code had been changed.
    """
    commit = summary.get("git_commit") or ""
    return {
        "device": summary.get("device_name") or "",
        "git_commit": f"{commit}+changes" if commit and summary.get("git_dirty") else commit,
        "command": _portable(summary.get("command") or ""),
    }


def _portable(command: str) -> str:
    words = (_OF_THE_MACHINE.get(key_of(w), w) for w in shlex.split(command))
    return shlex.join(filter(None, words))
