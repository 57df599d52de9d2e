"""metrics.jsonl: one JSON object per line, which is the truth that everything else repeats."""

import json
import math
from pathlib import Path


def cut_back(path: Path, step: int, period: int) -> None:
    """Cut a file of JSON lines back to what a run that reaches `step` has written.

    Lines of later steps go, half written and damaged ones, and the one that only the end of a run
    brought.
    """
    if not path.exists():
        return
    last = step if step % period == 0 else step - 1
    kept = [line + b"\n" for line in path.read_bytes().split(b"\n") if 0 <= step_of(line) <= last]
    rewritten = path.with_suffix(".partial")
    rewritten.write_bytes(b"".join(kept))
    rewritten.replace(path)


def step_of(line: bytes) -> int:
    """The step of a line as a run writes it: numbers by name; -1 for any other line."""
    try:
        values = json.loads(line)
        sound = all(value is None or type(value) in (int, float) for value in values.values())
        return values["step"] if sound and type(values["step"]) is int else -1
    except (ValueError, KeyError, AttributeError, RecursionError):
        return -1


def json_line(step: int, values: dict[str, float]) -> bytes:
    """The values at a step as one line of a file."""
    return json.dumps({"step": step, **finite(values)}).encode() + b"\n"


def finite(values: dict[str, float]) -> dict[str, float | None]:
    """The values with null for those that JSON has no number for."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
