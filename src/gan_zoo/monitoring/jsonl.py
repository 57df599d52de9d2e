"""metrics.jsonl: one JSON object per line, which is the truth that everything else repeats."""

import itertools
import json
import math
from pathlib import Path

from gan_zoo.atomic_write import atomic_write

_READING = b'"progress/images_seen"'  # in every line but those of evaluations


def truncate_jsonl(path: Path, step: int, period: int, evaluated: bool = True) -> None:
    """Cut a file of JSON lines back to what a run that reaches `step` has written.

    Lines of later steps go, half written and damaged ones, and the one that only the end of a run
    brought. `evaluated`: whether the run has an evaluation at `step` that a longer one has, too.
    """
    if not path.exists():
        return
    pending = step if step % period == 0 else step - 1
    evaluation = step if evaluated else step - 1
    lines = path.read_bytes().split(b"\n")
    kept = [
        line + b"\n"
        for line in lines
        if 0 <= parse_step(line) <= (pending if _READING in line else evaluation)
    ]
    with atomic_write(path) as file:
        file.writelines(kept)


def set_aside(path: Path) -> Path | None:
    """Give a file that holds something another name; that name, or None where there is none."""
    if not path.exists() or not path.stat().st_size:
        return None
    names = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
    free = next(name for name in names if not name.exists())
    path.rename(free)
    return free


def parse_step(line: bytes) -> int:
    """The step of a line as a run writes it: numbers by name; -1 for any other line."""
    try:
        values = json.loads(line)
        sound = all(value is None or type(value) in (int, float) for value in values.values())
        return values["step"] if sound and type(values["step"]) is int else -1
    except (ValueError, KeyError, AttributeError, RecursionError):
        return -1


def json_line(step: int, values: dict[str, float]) -> bytes:
    """The values at a step as one line of a file."""
    return json.dumps({"step": step, **nan_to_null(values)}).encode() + b"\n"


def nan_to_null(values: dict[str, float]) -> dict[str, float | None]:
    """The values with null for those that JSON has no number for."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
