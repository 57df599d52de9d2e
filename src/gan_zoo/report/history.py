"""The history of a run's tags, from metrics.jsonl; a broken line affects no other line."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Curve:
    """Values of one tag at increasing steps (generator updates); nan where JSON had null."""

    steps: np.ndarray
    values: np.ndarray

    @property
    def last(self) -> float:
        return float(self.values[-1])


@dataclasses.dataclass(frozen=True)
class Curves:
    """All tags of one file, how many lines were unreadable, and whether the last one was."""

    tags: dict[str, Curve]
    broken_lines: int
    cut_off: bool

    @property
    def step(self) -> int:
        """Last step of any tag; 0 without any."""
        return max((int(curve.steps[-1]) for curve in self.tags.values()), default=0)


def read_curves(path: Path) -> Curves:
    """Read the curves of a metrics.jsonl. Raises OSError where there is none."""
    records, broken, cut_off = read_records(path)
    return Curves(_columns(records), broken, cut_off)


def read_records(path: Path) -> tuple[list[dict[str, Any]], int, bool]:
    """Read a metrics.jsonl: values by tag for each step, broken lines, and whether the last is one.

    Lines of one step are merged; a line of an earlier step, by a run that resumed from a
    checkpoint, replaces what came after it. Raises OSError where there is no file.
    """
    lines = path.read_bytes().rstrip().splitlines()
    parsed = _parse_together(lines) or [_parse(line) for line in lines]
    records: list[dict[str, Any]] = []
    broken, cut_off = 0, False
    for record in parsed:
        cut_off = not _is_record(record)
        if cut_off:
            broken += 1
            continue
        while records and records[-1]["step"] > record["step"]:
            records.pop()
        same_step = records and records[-1]["step"] == record["step"]
        records.append({**records.pop(), **record} if same_step else record)
    return records, broken, cut_off


def _parse_together(lines: list[bytes]) -> list[Any] | None:
    """Parse all lines as one JSON array, twice as fast as one by one; None where that fails."""
    parsed = _parse(b"[" + b",".join(lines) + b"]")
    return parsed if isinstance(parsed, list) and len(parsed) == len(lines) else None


def _parse(text: bytes) -> Any:
    """Parse a JSON value; None for invalid JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_record(record: Any) -> bool:
    """Whether a line is an object with a step."""
    step = record.get("step") if isinstance(record, dict) else None
    return isinstance(step, int) and not isinstance(step, bool) and 0 <= step < 2**53


def _columns(records: list[dict[str, Any]]) -> dict[str, Curve]:
    tags = dict.fromkeys(tag for record in records for tag in record)
    curves = {}
    for tag in tags:
        if tag != "step":
            rows = [record for record in records if tag in record]
            steps = np.array([record["step"] for record in rows], dtype=np.int64)
            curves[tag] = Curve(steps, _numbers([record[tag] for record in rows]))
    return curves


def _numbers(values: list[Any]) -> np.ndarray:
    """Convert values to float64; nan for what is no number."""
    try:
        column = np.array(values, dtype=np.float64)  # null becomes nan
    except (TypeError, ValueError, OverflowError):
        column = np.empty((0, 0))
    return column if column.ndim == 1 else np.array([as_number(value) for value in values])


def as_number(value: Any) -> float:
    """Return a value of JSON as a float: nan for what is no number, infinite for one too large."""
    try:
        return float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:
        return math.inf
