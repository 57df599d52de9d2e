"""How a job ended, from its summary: files that anyone may have written. No torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.monitoring.progress import format_losses
from gan_zoo.report.metric_choice import choose_metric
from gan_zoo.run_folder import diverged


def outcome(summary: Mapping[str, Any], folder: Path | None = None) -> str:
    """Describe how a run ended: the metric that a report compares by, or losses, and its health.

    folder: of the run, to name the step of a metric that was measured before the end.
    """
    last = last_values(summary)
    metric = choose_metric(None, None, [set(last)])
    found = metric and find_metric(metric.tag)
    value = format_losses(last)
    if metric and found:
        step = _last_step(folder, metric.tag) if folder else None
        older = step is not None and step < summary_number(summary, "steps")
        value = f"{found.name} {last[metric.tag]:.4g}{f' (step {step})' if older else ''}"
    # the reason of a divergence, but not that of "nothing learned (...) by step 300"
    health = diverged(summary) or str(summary.get("health", "")).partition(" (")[0]
    return "  ".join(filter(None, [value, health]))


def _last_step(folder: Path, tag: str) -> int | None:
    """Return the step at which a run logged a tag last; None where its file does not say."""
    from gan_zoo.report.history import read_curves

    try:
        curve = read_curves(folder / "metrics.jsonl").tags.get(tag)
    except OSError:
        return None
    return None if curve is None else int(curve.steps[-1])


def last_values(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return the last value of each tag, without those that were no numbers."""
    values = summary.get("last")
    pairs = values.items() if isinstance(values, Mapping) else ()
    return {tag: value for tag, value in pairs if isinstance(value, (int, float))}


def summary_number(summary: Mapping[str, Any], key: str) -> float:
    """Return a number of a summary; 0 for anything else."""
    value = summary.get(key)
    return value if isinstance(value, (int, float)) else 0.0
