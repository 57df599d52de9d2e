"""The ranked table that a sweep shows at its end: the report's statistics, as plain text."""

import math
import shutil
import sys
from collections import Counter
from collections.abc import Sequence

from gan_zoo.printable import printable
from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration, in_order
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.number_format import NONE, rounding

_MOST_ROWS = 20
_LEAST_SEEDS = 3  # for an interval; that of two seeds is 13 times as wide as their distance
_LEAST_LABEL = 16  # characters


def ranked_table(comparison: Comparison) -> str:
    """Format the configurations of each dataset, best first, to fit the terminal's width."""
    several = len(comparison.datasets) > 1
    tables = (
        _table(peers, comparison.metric, f"{dataset}: " if several else "")
        for dataset, peers in comparison.datasets.items()
    )
    return "\n\n".join(tables)


def _table(peers: Sequence[Configuration], metric: Metric | None, prefix: str) -> str:
    ordered = in_order(peers, metric)
    head, values = _values(ordered) if metric else ("losses", [_losses(each) for each in ordered])
    rows = [("configuration", head, "n", "health")]
    for each, value in zip(ordered, values, strict=True):
        rows.append((printable(each.label), value, _count(each, metric), _health(each)))
    shown = _aligned(rows[: _MOST_ROWS + 1])
    if len(rows) > len(shown):
        shown.append(f"... and {len(rows) - len(shown)} more in the report")
    return "\n".join([f"{prefix}{metric or 'no metric: nothing is ranked'}", *shown])


def _values(ordered: Sequence[Configuration]) -> tuple[str, list[str]]:
    """Format means with their intervals, or the value of each of few seeds; with a head."""
    intervals = [each.interval if len(each.scores) >= _LEAST_SEEDS else None for each in ordered]
    ends = [end for each in intervals if each for end in (each.low, each.high)]
    shown = rounding([*(v for each in ordered for v in (each.mean, *each.scores.values())), *ends])
    texts = []
    for each, interval in zip(ordered, intervals, strict=True):
        if interval is None:
            texts.append(", ".join(map(shown, each.scores.values())))
        else:
            texts.append(f"{shown(each.mean)} ({shown(interval.low)} to {shown(interval.high)})")
    several = "each seed" if any(len(each.scores) > 1 for each in ordered) else "value"
    head = "mean (95 % interval)" if ends else several
    return head, [text or NONE for text in texts]


def _count(each: Configuration, metric: Metric | None) -> str:
    """Count the runs, and those that have a value beside it where these are fewer: "2 of 4"."""
    runs, valued = len(each.statuses), len(each.scores)
    return str(runs) if metric is None or valued == runs else f"{valued} of {runs}"


def _losses(each: Configuration) -> str:
    """Format the mean of the last losses."""
    parts = []
    for name in ("critic", "generator"):
        mean = each.mean_over_runs(lambda run, tag=f"loss/{name}": run.metrics.get(tag, math.nan))
        parts += [f"{name} {mean:.4g}"] if mean is not None and math.isfinite(mean) else []
    return "  ".join(parts) or NONE


def _health(each: Configuration) -> str:
    """Count the most frequent problem of a configuration's runs: healthy if there is none."""
    kinds = Counter(s.kind for s in each.statuses if s.failure)
    kinds.update(s.exclusion.partition(":")[0] for s in each.statuses if s.exclusion)
    if not kinds:
        return "healthy"
    if len(each.statuses) == 1:
        return next(iter(kinds))
    ((kind, count),) = kinds.most_common(1)
    others = kinds.total() - count
    return f"{count} {kind}" + (f", {others} other" if others else "")


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Align columns; on a terminal, shorten labels where the lines would be too long."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - sum(widths[1:]) - 2 * len(widths)
        widths[0] = min(widths[0], max(room, _LEAST_LABEL))
    lines = []
    for label, *others in rows:
        name = (
            label if len(label) <= widths[0] else f"{label[: widths[0] - 1]}\N{HORIZONTAL ELLIPSIS}"
        )
        cells = zip((name, *others), widths, strict=True)
        lines.append(f"  {'  '.join(cell.ljust(width) for cell, width in cells)}".rstrip())
    return lines
