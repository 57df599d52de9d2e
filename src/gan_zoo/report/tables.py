"""Columns of the report's tables, for the page and the Markdown."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from gan_zoo.evaluation.health import HEALTHY
from gan_zoo.metrics.yardstick import Yardstick
from gan_zoo.report.configurations import Configuration
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.number_format import NONE, rounding
from gan_zoo.report.run_status import RunStatus
from gan_zoo.report.stats import Interval
from gan_zoo.report.yardstick_axis import TITLE, recorded_yardstick

_Format = Callable[[float | None], str]


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        text: content of a row's cell.
        key: what rows are sorted by; None for the text.
        mark: CSS class of a cell; empty for none.
        wordy: whether it holds words, which are aligned left and may wrap, and no numbers.
    """

    title: str
    text: Callable[[Any], str]
    key: Callable[[Any], float | None] | None = None
    mark: Callable[[Any], str] = lambda row: ""
    wordy: bool = False

    def style(self, row: Any) -> str:
        """CSS classes of a cell."""
        return " ".join(filter(None, ["words" * self.wordy, self.mark(row)]))

    def sort_key(self, row: Any) -> float | str:
        """What a cell is sorted by; empty cells are last."""
        key = self.key(row) if self.key else self.text(row)
        return "" if key is None else key


def configuration_columns(metric: Metric | None, rows: Sequence[Configuration]) -> list[Column]:
    """Make columns of configurations; from all rows, as a column has one number format."""
    seeds, yardstick = _scored if metric else _ended, recorded_yardstick(rows, metric)
    return [
        Column("configuration", lambda c: c.label, wordy=True),
        *(_measured(_mean_format(rows)) if metric else []),
        Column("seeds", _of_all(rows, seeds), seeds),
        Column("failed", _failed, lambda c: c.failures, lambda c: "bad" if c.failures else ""),
        _amounts("seconds", lambda c: c.mean_over_runs(lambda run: run.seconds), rows),
        *([_meaning(yardstick)] if yardstick else []),
    ]


def run_columns(metric: Metric | None, rows: Sequence[RunStatus]) -> list[Column]:
    """Make columns of runs, without their names, which the page shows in a column of its own."""
    shown = rounding(s.value for s in rows)
    value = Column(metric.tag if metric else "", lambda s: shown(s.value), lambda s: s.value)
    return [
        Column("seed", lambda s: str(s.run.seed)),
        *([value] if metric else []),
        Column("health", health, mark=lambda s: "bad" * bool(s.failure or s.exclusion), wordy=True),
        Column("last step", lambda s: f"{s.run.curves.step:,}", lambda s: s.run.curves.step),
        _amounts("steps/s", lambda s: s.run.steps_per_second, rows),
        _amounts("seconds", lambda s: s.run.seconds, rows),
    ]


def state(each: RunStatus) -> str:
    """Describe a run's status."""
    return each.failure or each.exclusion or "finished"


def health(each: RunStatus) -> str:
    """Describe what became of a run: why it failed or was excluded, else its health status."""
    status = str((each.run.summary or {}).get("health") or "")
    return each.failure or each.exclusion or (status if status.startswith(HEALTHY) else "finished")


def _mean_format(rows: Sequence[Configuration]) -> _Format:
    """Return the format of means: whole numbers only where the ends of intervals are whole, too."""
    means = [c.mean for c in rows if c.mean is not None]
    intervals = [each for c in rows for each in (c.interval, _range(c)) if each]
    ends = [end for each in intervals for end in (each.low, each.high)]
    return rounding([*means, *ends] if all(mean.is_integer() for mean in means) else means)


def _measured(shown: _Format) -> list[Column]:
    """Make the columns of the metric, all with the decimals of the means."""
    return [
        Column("mean", lambda c: shown(c.mean), lambda c: c.mean),
        Column("95 % interval", lambda c: _span(c.interval, shown), lambda c: _low(c.interval)),
        Column("difference", lambda c: _difference(c, shown), _difference_key, _emphasis),
        Column("95 % interval", lambda c: _span(_range(c), shown), lambda c: _low(_range(c))),
        Column("p (Holm)", _p, lambda c: c.p_holm, _emphasis),
        Column(
            "P(best)", lambda c: NONE if c.p_best is None else f"{c.p_best:.2f}", lambda c: c.p_best
        ),
    ]


def _meaning(yardstick: Yardstick) -> Column:
    """Make the column of what the means amount to."""

    def text(each: Configuration) -> str:
        return NONE if each.mean is None else yardstick.describe(each.mean)

    return Column(TITLE, text, lambda c: c.mean, wordy=True)


def _range(each: Configuration) -> Interval | None:
    return each.difference.interval if each.difference else None


def _span(interval: Interval | None, shown: _Format) -> str:
    return f"{shown(interval.low)} to {shown(interval.high)}" if interval else NONE


def _low(interval: Interval | None) -> float | None:
    return interval.low if interval else None


def _scored(each: Configuration) -> int:
    return len(each.scores)


def _ended(each: Configuration) -> int:
    return len(each.runs)


def _of_all(
    rows: Sequence[Configuration], count: Callable[[Configuration], int]
) -> Callable[[Configuration], str]:
    """Format a count; "2 of 3" in all rows if any row is incomplete."""
    if all(count(row) == len(row.statuses) for row in rows):
        return lambda row: str(count(row))
    return lambda row: f"{count(row)} of {len(row.statuses)}"


def _difference(each: Configuration, shown: _Format) -> str:
    if not each.baseline:
        return "baseline" if each.is_baseline else NONE
    if each.difference is None:
        return NONE
    return "+" * (each.difference.mean > 0) + shown(each.difference.mean)


def _difference_key(each: Configuration) -> float | None:
    return each.difference.mean if each.difference else None


def _p(each: Configuration) -> str:
    if each.p_holm is None:
        return NONE
    return "< 0.001" if each.p_holm < 0.001 else f"{each.p_holm:.3f}"


def _emphasis(each: Configuration) -> str:
    return "strong" if each.is_significant else ""


def _failed(each: Configuration) -> str:
    rate = each.failure_rate
    if rate is None:
        return NONE
    return f"{each.failures}/{len(each.runs)} ({100 * rate.low:.0f}–{100 * rate.high:.0f} %)"


def _amounts(title: str, amount: Callable[[Any], float | None], rows: Sequence[Any]) -> Column:
    """Make a column of amounts, with three digits of the largest."""

    def key(row: Any) -> float | None:
        value = amount(row)
        return value if value is not None and math.isfinite(value) else None

    shown = rounding(map(key, rows), digits=3, fewest=1)
    return Column(title, lambda row: shown(key(row)), key)
