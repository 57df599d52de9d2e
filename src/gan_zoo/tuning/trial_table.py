"""What the trials of a search show, by loss and by regularizer, as markdown."""

from collections.abc import Callable, Sequence
from statistics import median

from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.number_format import rounding
from gan_zoo.report.result_rows import Row
from gan_zoo.report.run_status import HEALTHY
from gan_zoo.tuning.run_rows import primary_metric, value


def format_trials(rows: Sequence[Row]) -> str:
    """Format two tables: the best and the median trial of each loss, and of each regularizer."""
    metric = primary_metric(rows)
    return "\n\n".join(_table(rows, key, metric) for key in ("loss", "regularizer"))


def metric_name(metric: Metric) -> str:
    """Return a metric's name, and which way it is better."""
    known = find_metric(metric.tag)
    better = "lower" if metric.lower_is_better else "higher"
    return f"`{known.name if known else metric.tag}` ({better} is better)"


def format_for(rows: Sequence[Row], metric: Metric) -> Callable[[float | None], str]:
    """Return the format of a metric's values in a table."""
    return rounding([value(row, metric) for row in rows], digits=3)


def _table(rows: Sequence[Row], key: str, metric: Metric) -> str:
    """Format a line for each value of a column, the best median first; diverged runs are last."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    show, sign = format_for(rows, metric), 1 if metric.lower_is_better else -1
    lines = []
    for name, group in groups.items():
        numbers = [_signed(row, metric, sign) for row in group]
        healthy = sum(row["health"].startswith(HEALTHY) for row in group)
        best, middle = (
            "diverged" if number == float("inf") else show(sign * number)
            for number in (min(numbers), median(numbers))
        )
        line = f"| `{name}` | {best} | {middle} | {healthy} of {len(group)} |"
        lines.append((median(numbers), line))
    return "\n".join(
        [
            f"| {key} | best {metric_name(metric)} | median | healthy trials |",
            "|---|---|---|---|",
            *(line for _, line in sorted(lines)),
        ]
    )


def _signed(row: Row, metric: Metric, sign: int) -> float:
    """Return the metric of a run, lower being better; infinity for one that diverged."""
    number = value(row, metric)
    return float("inf") if number is None else sign * number
