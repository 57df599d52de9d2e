"""Formats metrics of runs as tables for a terminal."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_zoo.evaluation.result import EvalResult
from gan_zoo.metrics.metric_info import find_metric


def format_results(results: Mapping[Path, EvalResult]) -> str:
    """Format values by metric and run, one table for each protocol: only these are comparable."""
    tables: dict[str, dict[str, dict[Path, float]]] = {}
    for run, result in results.items():
        for name, value in result.numbers.items():
            protocol = json.dumps(result.protocols[name], sort_keys=True)
            tables.setdefault(protocol, {}).setdefault(name, {})[run] = value
    return "\n\n".join(_table(json.loads(p), rows, results) for p, rows in tables.items())


def _meanings(
    tag: str, values: Mapping[Path, float], results: Mapping[Path, EvalResult]
) -> list[str]:
    """Describe how far from real a metric's values are; of several runs, by few metrics."""
    found = []
    for i, (run, value) in enumerate(values.items(), 1):
        yardstick = results[run].yardsticks.get(tag)
        if yardstick and (len(results) == 1 or tag in results[run].telling_tags()):
            found.append(f"{tag:<40}  [{i}] {yardstick.sentence(value)}")
    return found


def _table(
    protocol: Mapping[str, Any],
    rows: Mapping[str, Mapping[Path, float]],
    results: Mapping[Path, EvalResult],
) -> str:
    runs = list(dict.fromkeys(run for values in rows.values() for run in values))
    lines = ["protocol: " + ", ".join(f"{key} {value}" for key, value in protocol.items())]
    lines += [f"  [{i}] {run}" for i, run in enumerate(runs, 1)]
    lines.append(_row("", [f"[{i}]" for i in range(1, len(runs) + 1)]))
    for tag, values in rows.items():
        metric, cells = find_metric(tag), [f"{values[r]:.5g}" if r in values else "-" for r in runs]
        lines.append(_row(tag, cells, metric.unit if metric else ""))
    lines += [line for tag, values in rows.items() for line in _meanings(tag, values, results)]
    return "\n".join(lines)


def _row(name: str, cells: Sequence[str], unit: str = "") -> str:
    return f"{name:<40}{''.join(f'{cell:>12}' for cell in cells)}  {unit}".rstrip()
