"""metrics.jsonl: one JSON object per line, which is the truth that everything else repeats."""

import json
import math
from pathlib import Path


def cut_back(path: Path, step: int, period: int) -> None:
    """Cut a file of JSON lines back to what a run that reaches `step` has written.

    Lines of later steps go, half written ones, and the one that only the end of a run brought.
    """
    if not path.exists():
        return
    last, kept = step if step % period == 0 else step - 1, []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            kept += [line] if json.loads(line)["step"] <= last else []
        except (json.JSONDecodeError, KeyError, TypeError):
            continue  # half written when the power went
    rewritten = path.with_suffix(".partial")
    rewritten.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    rewritten.replace(path)


def json_line(step: int, values: dict[str, float]) -> bytes:
    """The values at a step as one line of a file."""
    return json.dumps({"step": step, **finite(values)}).encode() + b"\n"


def finite(values: dict[str, float]) -> dict[str, float | None]:
    """The values with null for those that JSON has no number for."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
