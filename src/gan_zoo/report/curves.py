"""metrics.jsonl, read line by line; a broken line costs no more than itself."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Curve:
    """Values of one tag; steps (generator updates) increase. Not-a-number where JSON had null."""

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
        """The last step of any tag; 0 where nothing was written."""
        return max((int(curve.steps[-1]) for curve in self.tags.values()), default=0)


def read_curves(path: Path) -> Curves:
    """Read a metrics.jsonl. Raises OSError where there is none.

    A step that was written again, by a run that resumed, replaces what came at or after it.
    """
    points: dict[str, tuple[list[int], list[float]]] = {}
    broken, cut_off, latest = 0, False, -1
    with path.open("rb") as lines:
        for line in lines:
            record = _record(line)
            cut_off = record is None
            if record is None:
                broken += 1
                continue
            step = record.pop("step")
            if step <= latest:
                _forget_from(step, points)
            latest = step
            for tag, value in record.items():
                steps, values = points.setdefault(tag, ([], []))
                steps.append(step)
                values.append(value)
    curves = {tag: _curve(*point) for tag, point in points.items() if point[0]}
    return Curves({t: c for t, c in curves.items() if c is not None}, broken, cut_off)


def _record(line: bytes) -> dict[str, Any] | None:
    """One line's object, or None where it is not one with a step."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    step = record.get("step") if isinstance(record, dict) else None
    sound = isinstance(step, int) and not isinstance(step, bool) and 0 <= step < 2**53
    return record if sound else None


def _forget_from(step: int, points: dict[str, tuple[list[int], list[float]]]) -> None:
    for steps, values in points.values():
        while steps and steps[-1] >= step:
            steps.pop()
            values.pop()


def _curve(steps: list[int], values: list[Any]) -> Curve | None:
    """A tag's curve; None where its values are no numbers."""
    try:
        column = np.array(values, dtype=np.float64)  # null becomes not-a-number
    except (TypeError, ValueError, OverflowError):
        column = np.array([_number(value) for value in values])
    if column.ndim != 1:
        return None
    return Curve(np.array(steps, dtype=np.int64), column)


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:
        return math.inf
