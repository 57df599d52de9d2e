"""The comparison in a few sentences: the winner, how sure it is, and the method."""

from collections import Counter
from collections.abc import Sequence

from gan_zoo.printable import list_names
from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration, best_first, mean_text
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.number_format import counted, format_number, listed
from gan_zoo.report.yardstick_axis import recorded_yardstick

_CLEAR = 0.8  # P(best) from which the best configuration is called the winner
_NAMED = 3  # configurations in a list
METHOD = [
    "A configuration is a set of runs that differ by no setting but the seed; its value is the "
    "mean over seeds of the metric at the end of training.",
    "95 % interval: Student's t over seeds. It holds the true mean in 95 % of repetitions where "
    "values are normal over seeds, and in about 90 % where they are strongly skewed. The "
    "percentile bootstrap, which table.csv also has, holds it in only 75 % with 3 seeds, 87 % "
    "with 5 and 91 % with 10.",
    "Difference: configuration minus baseline, paired by seed, since equal seeds share initial "
    "weights, noise and the order of data. p: two-sided paired t test; Holm's correction over all "
    "comparisons of this report keeps the probability of any false claim below 5 %. Intervals of "
    "differences are not corrected. Where all differences are one and the same number, p is that "
    "of the sign-flip test.",
    "P(best): share of bootstrap resamples over seeds in which the configuration's mean is the "
    "best; configurations with one seed are not ranked. With 3 seeds it is optimistic: 0.9 is "
    "right about 8 times in 10.",
    "Failed: runs whose health status is not healthy, whose last losses are not finite, or that "
    "learned nothing: no mode was captured, or hardly any sample looks real (fewer than 5 % of "
    "points, or images of a precision below 0.01). In brackets the 95 % interval of that rate by "
    "Clopper and Pearson, which is never too short.",
    "A run that did not finish has no value, and is listed as excluded.",
]


def findings(comparison: Comparison) -> list[str]:
    """Summarize the comparison in a sentence or more for each dataset."""
    if comparison.metric is None:
        return ["No metric was measured in all runs: nothing is ranked."]
    found = []
    for dataset, peers in comparison.datasets.items():
        valued = [each for each in peers if each.scores]
        prefix = f"On {dataset}: " if len(comparison.datasets) > 1 else ""
        if valued:
            sentences = _sentences(valued, peers, comparison.metric)
            sentences += [*_without_value(peers), *_meaning(valued, comparison.metric)]
            found.append(prefix + " ".join(sentences))
        else:
            found.append(f"{prefix}no run finished with a finite {comparison.metric.tag}.")
    return found


def _sentences(
    valued: Sequence[Configuration], peers: Sequence[Configuration], metric: Metric
) -> list[str]:
    ordered = best_first(valued, metric)
    top, failed = ordered[0], [each for each in ordered if _mostly_failed(each)]
    if len(failed) == len(ordered):
        sentences = [_all_failed(ordered), _best_mean(ordered, metric)]
    elif len(ordered) < len(peers) and len(ordered) == 1:
        others = f"of {len(peers)} configurations has a value"
        sentences = [f"Only {top.label} {others}, {mean_text(top)}."]
    elif len(ordered) == 1:
        sentences = [f"One configuration, {top.label}: mean {mean_text(top)}."]
    elif top in failed:
        sentences = [_best_failed(ordered, metric)]
    else:
        sentences = [_leader(ordered, metric)]
    if len(ordered) == 1:
        return sentences
    if all(each.scores == top.scores for each in ordered):
        return [*sentences, "All values are equal, seed by seed: what differs had no effect."]
    if max(len(each.scores) for each in valued) < 2:
        return [*sentences, "With one seed each, significance is unknown."]
    if top.p_best is not None and top not in failed:
        ranked = sum(each.p_best is not None for each in valued)
        sentences.append(f"P(best) of {top.label} among {ranked} is {top.p_best:.2f}.")
    return [*sentences, *_against_baselines(valued, metric)]


def _without_value(peers: Sequence[Configuration]) -> list[str]:
    """Name the configurations all of whose runs failed without a value."""
    lost = [each for each in peers if not each.scores and each.failures]
    if not lost:
        return []
    names = [each.label for each in lost]
    shown = names if len(names) <= _NAMED else [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    return [f"Without any value: {listed(shown)} ({_kinds(lost)})."]


def _meaning(valued: Sequence[Configuration], metric: Metric) -> list[str]:
    """Describe how far from real the best mean is of those that trained, if runs recorded it."""
    trained = [each for each in valued if not _mostly_failed(each)]
    top = next(iter(best_first(trained, metric)), None)
    yardstick = recorded_yardstick(valued, metric)
    if top is None or top.mean is None or yardstick is None:
        return []
    return [f"The mean of {top.label} is {yardstick.sentence(top.mean)}."]


def best_of(metric: Metric) -> str:
    """Name the best mean of a metric: the lowest or the highest."""
    return f"{'lowest' if metric.lower_is_better else 'highest'} mean {metric.tag}"


def _mostly_failed(each: Configuration) -> bool:
    """Whether more than half of the runs failed."""
    return 2 * each.failures > len(each.runs)


def _all_failed(ordered: Sequence[Configuration]) -> str:
    runs, failures = sum(len(each.runs) for each in ordered), sum(e.failures for e in ordered)
    return f"No winner: {failures} of {counted(runs, 'run')} failed ({_kinds(ordered)})."


def _best_failed(ordered: Sequence[Configuration], metric: Metric) -> str:
    """Name the best mean, of runs that mostly failed, and the best one of the others."""
    top, following = ordered[0], next(each for each in ordered if not _mostly_failed(each))
    failed = f"{top.failures} of its {counted(len(top.runs), 'run')} failed ({_kinds([top])})"
    return (
        f"No winner: {top.label} has the {best_of(metric)}, {mean_text(top)}, but {failed}. Among "
        f"those that trained, {following.label} has it, {mean_text(following)}."
    )


def _best_mean(ordered: Sequence[Configuration], metric: Metric) -> str:
    equal = [each.label for each in ordered if each.mean == ordered[0].mean]
    if len(equal) > 1:
        return f"{listed(equal)} share the {best_of(metric)}, {mean_text(ordered[0])}."
    return f"The {best_of(metric)} is that of {equal[0]}, {mean_text(ordered[0])}."


def _leader(ordered: Sequence[Configuration], metric: Metric) -> str:
    """Name the best mean, and whether P(best) makes it the winner."""
    top = ordered[0]
    equal = [each.label for each in ordered if each.mean == top.mean]
    if len(equal) > 1:
        return f"No clear winner: {listed(equal)} share the {best_of(metric)}, {mean_text(top)}."
    clear = top.p_best is not None and top.p_best >= _CLEAR
    prefix = "" if clear else "No clear winner: "
    return f"{prefix}{top.label} has the {best_of(metric)}, {mean_text(top)}."


def _kinds(group: Sequence[Configuration]) -> str:
    """List the kinds of failure, the most frequent first."""
    kinds = Counter(s.kind for each in group for s in each.statuses if s.failure)
    if len(kinds) == 1:
        return next(iter(kinds))
    return ", ".join(f"{kind}: {count}" for kind, count in kinds.most_common())


def _against_baselines(valued: Sequence[Configuration], metric: Metric) -> list[str]:
    tested = [each for each in best_first(valued, metric) if each.p_holm is not None]
    if not tested:
        return ["No configuration has two seeds in common with a baseline: no difference tested."]
    against = ", ".join(dict.fromkeys(each.baseline for each in tested))
    certain = [each for each in tested if each.is_significant]
    level = "at the 5 % level after Holm's correction"
    if not certain:
        one = f"The comparison with {against} shows no"
        none = f"None of {len(tested)} comparisons with {against} shows a"
        start = one if len(tested) == 1 else none
        return [f"{start} difference {level}; that is no proof of equality."]
    sign = 1 if metric.lower_is_better else -1
    better = [each for each in certain if each.difference and sign * each.difference.mean < 0]
    worse = [each for each in certain if each.difference and sign * each.difference.mean > 0]
    parts = [f"{w}: {_first(g)}" for w, g in (("better", better), ("worse", worse)) if g]
    verb = "differs" if len(certain) == 1 else "differ"
    start = f"Of {counted(len(tested), 'comparison')} with {against}, {len(certain)} {verb} {level}"
    return [f"{start} ({' – '.join(parts)})."]


def _first(group: Sequence[Configuration]) -> str:
    """List labels and differences of the first configurations, and count the others."""
    changes = [(each.label, each.difference) for each in group]
    return list_names(
        [f"{name} by {format_number(abs(d.mean))}" for name, d in changes if d], 3, "; "
    )
