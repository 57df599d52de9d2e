"""A loss recommended from finished runs, with its uncertainty, in a few sentences."""

import dataclasses
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from gan_zoo.printable import list_names
from gan_zoo.report.comparison import Comparison, compare
from gan_zoo.report.configurations import Configuration, best_first, mean_text
from gan_zoo.report.findings import best_of
from gan_zoo.report.metric_choice import Metric, choose_metric
from gan_zoo.report.number_format import counted, format_number, listed, rounding
from gan_zoo.report.read_runs import read_runs
from gan_zoo.report.runs import Run
from gan_zoo.report.stats import LEVEL, Difference, paired_difference

_PREFIX = "metric/"
_MUCH_FASTER = 0.75  # of the other's time; smaller differences may be other programs


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """What to use, and why.

    Attributes:
        loss: the recommended loss; empty for none.
        sentences: the result in words.
    """

    loss: str
    sentences: tuple[str, ...]


def recommend_from(
    sweep: Path, deviation: float = 0.0, fixed_steps: bool = False
) -> Recommendation:
    """Recommend a loss from the runs of a sweep; see `recommend`."""
    runs, _ = read_runs([sweep])
    if len(_compared(runs).datasets) > 1:  # some were evaluated again, in another way than others
        runs = [dataclasses.replace(run, evaluation={}) for run in runs]
    comparison = _compared(runs)
    largest, *others = sorted(comparison.datasets.values(), key=_scores, reverse=True)
    found = recommend(largest, comparison.metric, deviation, fixed_steps)
    if count := sum(len(each.statuses) for group in others for each in group):
        note = f"{counted(count, 'run')} on other data, or measured otherwise, left out."
        found = dataclasses.replace(found, sentences=(*found.sentences, note))
    return found


def _scores(configurations: Sequence[Configuration]) -> int:
    return sum(len(each.scores) for each in configurations)


def _compared(runs: Sequence[Run]) -> Comparison:
    tags = [set(run.metrics) for run in runs]
    measured = [each for each in tags if any(tag.startswith(_PREFIX) for tag in each)]
    return compare(runs, [], choose_metric(None, None, measured), {})


def recommend(
    configurations: Sequence[Configuration],
    metric: Metric | None,
    deviation: float = 0.0,
    fixed_steps: bool = False,
) -> Recommendation:
    """Recommend the loss with the best mean if it certainly beats each other one.

    Otherwise one of those that cannot be told apart from it; see `_preferred`. That each
    comparison with the best is significant needs no correction for their number: the claim fails
    if a single one does (Berger 1982, intersection-union test).

    Args:
        configurations: runs by loss.
        metric: that they are compared by; None if none was measured.
        deviation: of the metric by the choice of real images; 0 if unknown.
        fixed_steps: whether the steps were named, so that a larger budget does not change them.
    """
    valued = [each for each in configurations if len(each.scores) > 1]
    trained = [each for each in valued if 2 * each.failures <= len(each.runs)]
    if metric is None or not trained:
        return Recommendation("", (_none(configurations, valued, metric, fixed_steps),))
    best, *others = best_first(trained, metric)
    gaps = {loss_of(each): paired_difference(each.scores, best.scores) for each in others}
    equal = [each for each in others if not _is_worse(gaps[loss_of(each)], metric)]
    if equal:
        chosen, reason = _preferred(best, equal)
        advice = f"Recommended: {loss_of(chosen)}, {reason}."
        sentences = [_tie(best, equal, gaps, metric), advice]
    else:
        chosen, sentences = best, [_winner(best, others, gaps, metric)]
    sentences += _limits(best, equal, gaps, deviation)
    others_failed = {loss_of(each) for each in configurations if each not in trained}
    if failed := sorted(others_failed - {loss_of(each) for each in trained}):
        sentences.append(f"Most runs failed, or are missing, of {listed(failed)}.")
    return Recommendation(loss_of(chosen), tuple(sentences))


def loss_of(each: Configuration) -> str:
    """Return the name of a configuration's loss."""
    return str(each.statuses[0].run.choices.get("loss", each.label))


def _is_certain(gap: Difference | None) -> bool:
    return gap is not None and gap.p is not None and gap.p < LEVEL


def _is_worse(gap: Difference | None, metric: Metric) -> bool:
    """Return whether a loss is certainly worse than the best by the seeds that both have.

    Where the best by the means lacks seeds, it may certainly be better by those.
    """
    return _is_certain(gap) and (gap.mean > 0) == metric.lower_is_better


def _preferred(best: Configuration, equal: Sequence[Configuration]) -> tuple[Configuration, str]:
    """Choose among losses that cannot be told apart: fewest failures, then speed, then the mean."""
    fewest = min(each.failures for each in (best, *equal))
    reliable = [each for each in (best, *equal) if each.failures == fewest]
    chosen, fastest = reliable[0], min(reliable, key=_seconds)
    if _seconds(fastest) < _MUCH_FASTER * _seconds(chosen) < math.inf:
        times = f"{_seconds(fastest):.0f} s per run against {_seconds(chosen):.0f} s"
        return fastest, f"much faster than {loss_of(chosen)} ({times})"
    if len(reliable) == 1:
        failed = [_failures(each) for each in (best, *equal) if each is not chosen]
        return chosen, f"of which the fewest runs failed ({_failures(chosen)}; {', '.join(failed)})"
    among = "" if chosen is best else " of those of which the fewest runs failed"
    return chosen, f"whose mean is the best{among}; none of these is much faster"


def _failures(each: Configuration) -> str:
    return f"{loss_of(each)}: {each.failures} of {len(each.runs)}"


def _seconds(each: Configuration) -> float:
    """Return the median seconds of a run, as others may have slowed one down; inf if unknown."""
    found = [s.run.seconds for s in each.statuses if math.isfinite(s.run.seconds)]
    return statistics.median(found) if found else math.inf


def _winner(
    best: Configuration,
    others: Sequence[Configuration],
    gaps: dict[str, Difference | None],
    metric: Metric,
) -> str:
    text = f"Recommended: {loss_of(best)}. Its mean {metric.tag} is {mean_text(best)}"
    if not others:
        return f"{text}; of no other loss did enough runs succeed."
    second = others[0]
    gap = gaps[loss_of(second)]
    assert gap is not None
    worst = max(gap.p for gap in gaps.values() if gap is not None and gap.p is not None)
    return (
        f"{text}, {format_number(abs(gap.mean))} {'lower' if gap.mean > 0 else 'higher'} than that "
        f"of {loss_of(second)}, the next{_interval(gap)}; it differs from every other loss "
        f"(p at most {worst:.2g})."
    )


def _tie(
    best: Configuration,
    equal: Sequence[Configuration],
    gaps: dict[str, Difference | None],
    metric: Metric,
) -> str:
    def p_of(each: Configuration) -> str:
        gap = gaps[loss_of(each)]
        return f"{loss_of(each)} (p = {gap.p:.2g})" if gap and gap.p is not None else loss_of(each)

    better = [each for each in equal if _is_certain(gaps[loss_of(each)])]
    unclear = [p_of(each) for each in equal if each not in better]
    doubts = [f"{listed(unclear)} cannot be told apart from it"] if unclear else []
    for each in better:
        doubts.append(f"{p_of(each)} is better by the seeds that both have")
    return (
        f"No loss is clearly the best: {loss_of(best)} has the {best_of(metric)}, "
        f"{mean_text(best)}, but {listed(doubts)}."
    )


def _limits(
    best: Configuration,
    equal: Sequence[Configuration],
    gaps: dict[str, Difference | None],
    deviation: float,
) -> list[str]:
    """Say which differences these runs could have missed, and what other images may change."""
    found = []
    unclear = [gap for each in equal if (gap := gaps[loss_of(each)]) and not _is_certain(gap)]
    half = [_half_width(gap) for gap in unclear]
    widths = [width for width in half if width is not None]
    if widths:
        found.append(
            f"With {counted(len(best.scores), 'seed')}, differences from it below "
            f"{format_number(max(widths))} could not be found here; that is no proof of equality."
        )
    nearest = min((abs(gap.mean) for gap in gaps.values() if gap), default=None)
    if deviation and nearest is not None and nearest < deviation:
        found.append(
            f"The choice of real images alone changes such a distance by about "
            f"{format_number(deviation)}: other held-out images may rank the best two differently."
        )
    return found


def _half_width(gap: Difference) -> float | None:
    return (gap.interval.high - gap.interval.low) / 2 if gap.interval else None


def _interval(gap: Difference) -> str:
    if gap.interval is None:
        return ""
    ends = sorted(abs(end) for end in (gap.interval.low, gap.interval.high))
    return f" (95 % interval {' to '.join(map(rounding(ends, fewest=1), ends))})"


def _none(
    configurations: Sequence[Configuration],
    valued: Sequence[Configuration],
    metric: Metric | None,
    fixed_steps: bool,
) -> str:
    statuses = [s for each in configurations for s in each.statuses]
    problems = []
    for words, found in (
        ("failed", [s.kind for s in statuses if s.failure]),
        ("have no value", [s.exclusion for s in statuses if s.exclusion]),
    ):
        if found:
            why = list_names([*dict.fromkeys(found)])
            problems.append(f"{len(found)} of {counted(len(statuses), 'run')} {words} ({why})")
    unmeasured = "no metric was measured" if metric is None else "no loss has two runs with a value"
    sentences = [f"No recommendation: {'; '.join(problems) or unmeasured}."]
    if valued and metric:
        best = best_first(valued, metric)[0]
        sentences.append(f"The {best_of(metric)} is that of {loss_of(best)}, {mean_text(best)}.")
    if any(s.failure for s in statuses):
        by = "more steps" if fixed_steps else "a larger budget"
        sentences.append(f"Longer runs, by {by}, may help.")
    return " ".join(sentences)
