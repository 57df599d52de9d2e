"""The comparison in a few sentences."""

from collections.abc import Sequence

from gan_zoo.report.cautions import sure
from gan_zoo.report.direction import Metric
from gan_zoo.report.study import Configuration, Study


def answer(study: Study) -> list[str]:
    """What the numbers say, a sentence or more for each dataset."""
    if study.metric is None:
        return ["No metric was measured in all runs: this report shows, and does not rank."]
    found = []
    for dataset, peers in study.datasets.items():
        valued = [each for each in peers if each.scores]
        prefix = f"On {dataset}: " if len(study.datasets) > 1 else ""
        if valued:
            found.append(prefix + " ".join(_sentences(valued, study.metric)))
        else:
            found.append(f"{prefix}no run came to its end with a finite {study.metric.tag}.")
    return found


def best_first(configurations: Sequence[Configuration], metric: Metric) -> list[Configuration]:
    """Configurations by their means; all of them must have one."""
    sign = 1 if metric.lower_is_better else -1
    return sorted(configurations, key=lambda each: sign * (each.mean or 0.0))


def in_order(peers: Sequence[Configuration], metric: Metric | None) -> list[Configuration]:
    """Best first, and those without a value last; in sweep order without a metric."""
    valued = [each for each in peers if each.scores and metric]
    ordered = best_first(valued, metric) if metric else valued
    return [*ordered, *(each for each in peers if each not in ordered)]


def number(value: float | None) -> str:
    """Four digits, or a dash where there is no number."""
    if value is None or value != value:
        return "–"
    return f"{value:.4g}" if abs(value) < 1e5 else f"{value:.3e}"


def _sentences(valued: Sequence[Configuration], metric: Metric) -> list[str]:
    top = best_first(valued, metric)[0]
    direction = "lowest" if metric.lower_is_better else "highest"
    if len(valued) == 1:
        return [f"One configuration, {top.label}: mean {_mean(top)}."]
    said = [f"{top.label} has the {direction} mean {metric.tag}, {_mean(top)}."]
    if max(len(each.scores) for each in valued) < 2:
        return [*said, "With one seed each, nothing can be said about significance."]
    if top.best is not None:
        said.append(f"The probability that it is the best of {len(valued)} is {top.best:.2f}.")
    return [*said, *_against_baselines(valued, metric)]


def _mean(each: Configuration) -> str:
    words = f"{number(each.mean)} over {len(each.scores)} seed{'s'[: len(each.scores) != 1]}"
    if each.interval is None:
        return words
    return f"{words} (95 % interval {number(each.interval.low)} to {number(each.interval.high)})"


def _against_baselines(valued: Sequence[Configuration], metric: Metric) -> list[str]:
    tested = [each for each in best_first(valued, metric) if each.p_holm is not None]
    if not tested:
        return ["No configuration has two seeds in common with a baseline: no difference tested."]
    against = ", ".join(dict.fromkeys(each.baseline for each in tested))
    certain = [each for each in tested if sure(each)]
    if not certain:
        return [
            f"None of {len(tested)} comparisons with {against} shows a difference at the 5 % "
            "level after Holm's correction; that is no proof of equality."
        ]
    sign = 1 if metric.lower_is_better else -1
    sides = {
        "better": [each for each in certain if each.difference and sign * each.difference.mean < 0],
        "worse": [each for each in certain if each.difference and sign * each.difference.mean > 0],
    }
    listed = [f"{word}: {_listed(group)}" for word, group in sides.items() if group]
    return [
        f"Of {len(tested)} comparisons with {against}, {len(certain)} differ at the 5 % level "
        f"after Holm's correction ({' – '.join(listed)})."
    ]


def _listed(group: Sequence[Configuration], count: int = 3) -> str:
    more = f"; and {len(group) - count} more" if len(group) > count else ""
    return "; ".join(map(_by, group[:count])) + more


def _by(each: Configuration) -> str:
    change = each.difference.mean if each.difference else None
    return f"{each.label} by {number(abs(change) if change is not None else None)}"
