"""The report's tables as columns, for the page, the Markdown and the CSV alike."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from gan_zoo.report.answer import number
from gan_zoo.report.cautions import sure
from gan_zoo.report.direction import Metric
from gan_zoo.report.outcomes import Outcome
from gan_zoo.report.statistics import Interval
from gan_zoo.report.study import Configuration


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        text: what a row shows here; key: what it is sorted by, if not the text.
        mark: a style for a cell that stands out.
        wordy: whether long words may wrap.
    """

    title: str
    text: Callable[[Any], str]
    key: Callable[[Any], float | None] | None = None
    mark: Callable[[Any], str] = lambda row: ""
    wordy: bool = False


def configuration_columns(metric: Metric | None) -> list[Column]:
    """A row is a Configuration."""
    measured = [
        Column("mean, 95 % interval", _mean, lambda c: c.mean),
        Column("difference", _difference, lambda c: c.difference and c.difference.mean, _certain),
        Column("p (Holm)", _p, lambda c: c.p_holm, _certain),
        Column("P(best)", lambda c: "–" if c.best is None else f"{c.best:.2f}", lambda c: c.best),
    ]
    return [
        Column("configuration", lambda c: c.label, wordy=True),
        Column("seeds", _scored if metric else _ended, lambda c: len(c.scores or c.runs)),
        *(measured if metric else []),
        Column("failed", _failed, lambda c: c.failures, lambda c: "bad" if c.failures else ""),
        Column("seconds", *_quantity(lambda c: c.average(lambda run: run.seconds))),
    ]


def run_columns(metric: Metric | None) -> list[Column]:
    """A row is an Outcome; its name is added by whoever knows where it links to."""
    value = Column(metric.tag if metric else "", lambda o: number(o.value), lambda o: o.value)
    return [
        Column("seed", lambda o: str(o.run.seed)),
        *([value] if metric else []),
        Column("state", state, mark=lambda o: "bad" if o.failure or o.gap else "", wordy=True),
        Column("last step", lambda o: str(o.run.curves.step), lambda o: o.run.curves.step),
        Column("seconds", *_quantity(lambda o: o.run.seconds)),
    ]


def state(each: Outcome) -> str:
    """What became of a run, in words."""
    return each.failure or each.gap or "finished"


def _span(interval: Interval | None) -> str:
    return f" ({interval.low:.3g} to {interval.high:.3g})" if interval else ""


def _mean(each: Configuration) -> str:
    return number(each.mean) + _span(each.interval)


def _scored(each: Configuration) -> str:
    return _of(len(each.scores), each)


def _ended(each: Configuration) -> str:
    return _of(len(each.runs), each)


def _of(count: int, each: Configuration) -> str:
    return str(count) if count == len(each.outcomes) else f"{count} of {len(each.outcomes)}"


def _difference(each: Configuration) -> str:
    if not each.baseline:
        return "baseline"
    if each.difference is None:
        return "–"
    sign = "+" if each.difference.mean > 0 else ""
    return sign + number(each.difference.mean) + _span(each.difference.interval)


def _p(each: Configuration) -> str:
    if each.p_holm is None:
        return "–"
    return "< 0.001" if each.p_holm < 0.001 else f"{each.p_holm:.3f}"


def _certain(each: Configuration) -> str:
    return "strong" if sure(each) else ""


def _failed(each: Configuration) -> str:
    rate = each.failure_rate
    if rate is None:
        return "–"
    return f"{each.failures}/{len(each.runs)} ({100 * rate.low:.0f}–{100 * rate.high:.0f} %)"


def _quantity(
    amount: Callable[[Any], float | None],
) -> tuple[Callable[[Any], str], Callable[[Any], float | None]]:
    """Text and key of a column of large numbers."""

    def text(row: Any) -> str:
        value = amount(row)
        if value is None or not math.isfinite(value):
            return "–"
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

    def key(row: Any) -> float | None:
        value = amount(row)
        return value if value is not None and math.isfinite(value) else None

    return text, key
