"""metrics.jsonl: one JSON object per line, from which reports are made."""

import json
import math
from pathlib import Path

from gan_zoo.atomic_write import atomic_write

_LOGGED = b'"progress/images_seen"'  # in every line except those of evaluations


def truncate_jsonl(path: Path, step: int, logged: bool = True, evaluated: bool = True) -> None:
    """Cut a file of JSON lines back to what a run that passes `step` has written by then.

    Removes lines of later steps, and damaged lines.
    logged, evaluated: whether to keep logged metrics, and an evaluation, at `step`.
    """
    if not path.exists():
        return
    last_logged = step if logged else step - 1
    last_evaluated = step if evaluated else step - 1
    lines = path.read_bytes().split(b"\n")
    kept = [
        line + b"\n"
        for line in lines
        if 0 <= parse_step(line) <= (last_logged if _LOGGED in line else last_evaluated)
    ]
    with atomic_write(path) as file:
        file.writelines(kept)


def parse_step(line: bytes) -> int:
    """Return the step of a line of numbers by name; -1 for any other line."""
    try:
        values = json.loads(line)
        valid = all(value is None or type(value) in (int, float) for value in values.values())
        return values["step"] if valid and type(values["step"]) is int else -1
    except (ValueError, KeyError, AttributeError, RecursionError):
        return -1


def json_line(step: int, values: dict[str, float]) -> bytes:
    """Return the values at a step as one line of a file."""
    return json.dumps({"step": step, **nan_to_null(values)}).encode() + b"\n"


def nan_to_null(values: dict[str, float]) -> dict[str, float | None]:
    """Replace values that JSON has no number for by null."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
