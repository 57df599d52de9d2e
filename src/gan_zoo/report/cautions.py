"""What a reader must know before believing the numbers, one sentence each."""

import math
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gan_zoo.report.direction import lower_is_better
from gan_zoo.report.outcomes import Outcome
from gan_zoo.report.runs import Run, holders
from gan_zoo.report.study import Configuration, Study, dataset_of
from gan_zoo.report.variation import exact, shown
from gan_zoo.report.wording import counted

_CLOSE = 1.01  # budgets whose ratio is below this count as equal
_SHORT = ("optimizer.lr", "regularizer.weight", "regularizer.bound")  # told by their full name


def cautions(study: Study) -> list[str]:
    """Warnings, the gravest first."""
    found = [
        *_metric(study),
        *_seeds(study),
        *_protocols(study),
        *_survivors(study),
        *_budgets(study),
        *_data(study),
        *_late(study),
        *_confounded(study),
        *_left_out(study),
        *_nested(study),
    ]
    return found


def _metric(study: Study) -> Iterable[str]:
    losses = {exact(each.run.settings.get("loss._target_")) for each in study.outcomes}
    if study.metric is None:
        yield (
            "The runs have no metric/* in common, so nothing is ranked. Values of different loss "
            "functions are not comparable with one another and say nothing of the samples: look "
            "at the pictures, or evaluate the runs first."
        )
        yield from _nearly_common(study)
    elif not study.metric.tag.startswith(("metric/", "perf/")) and len(losses) > 1:
        yield (
            f"{study.metric.tag} is no measure of quality: the runs minimise different loss "
            "functions, whose values are not comparable."
        )


def _nearly_common(study: Study) -> Iterable[str]:
    """The metric that most runs have, though not all."""
    ended = [each.run for each in study.outcomes if each.ended]
    counts = Counter(
        tag for run in ended for tag in run.metrics if lower_is_better(tag) is not None
    )
    counts = Counter({tag: n for tag, n in counts.items() if tag.startswith("metric/")})
    for tag, count in counts.most_common(1):
        have = "has" if count == 1 else "have"
        runs = counted(len(ended), "finished run")
        yield f"{count} of {runs} {have} {tag}: --metric {shlex.quote(tag)} compares them."


def _seeds(study: Study) -> Iterable[str]:
    if study.metric is None:
        return
    single = [each.label for each in study.configurations if len(each.scores) == 1]
    if single and all(len(each.scores) < 2 for each in study.configurations):
        yield (
            "Every configuration has one seed only: nothing can be said about significance. A "
            "difference below may be the luck of the seed."
        )
    elif single:
        yield (f"One seed only, so nothing can be said about the significance of: {_few(single)}.")


def _protocols(study: Study) -> Iterable[str]:
    if study.metric is None:
        return
    for dataset, peers in _by_data(study).items():
        valued = [each for c in peers for each in c.outcomes if each.value is not None]
        protocols = {each.run.protocol(study.metric.tag) for each in valued}
        if len(protocols) > 1:
            listed = "; ".join(sorted(protocol or "not stated" for protocol in protocols))
            yield (
                f"{study.metric.tag} was measured by {len(protocols)} different protocols on "
                f"{dataset}: its values are compared within each of them only. Evaluate all runs "
                f"alike to compare them all. {listed}"
            )


def _survivors(study: Study) -> Iterable[str]:
    for each in study.configurations:
        lost = sum(1 for o in each.outcomes if o.failure and o.value is None)
        if lost and each.scores:
            yield (
                f"{each.label}: {lost} of {counted(len(each.outcomes), 'run')} diverged; its mean "
                "is over the survivors and flatters it."
            )


def _budgets(study: Study) -> Iterable[str]:
    for dataset, peers in _by_data(study).items():
        ended = [run for each in peers for run in each.runs]
        where = f" on {dataset}" if len(_by_data(study)) > 1 else ""
        yield from _unequal(ended, lambda run: run.steps, f"generator updates{where}")
        yield from _unequal(ended, lambda run: run.images_seen, f"real images seen{where}")
    devices = {str(_fact(each, "device_name")) for each in study.outcomes if each.ended}
    if len(devices) > 1:
        yield f"Seconds are not comparable: the runs used {', '.join(sorted(devices))}."


def _unequal(runs: Sequence[Run], quantity: Callable[[Run], float], words: str) -> Iterable[str]:
    amounts = [amount for amount in map(quantity, runs) if math.isfinite(amount) and amount > 0]
    if amounts and max(amounts) > _CLOSE * min(amounts):
        yield f"Unequal budgets: {words} range from {min(amounts):,.0f} to {max(amounts):,.0f}."


def _data(study: Study) -> Iterable[str]:
    if len(_by_data(study)) > 1:
        yield (
            f"{len(_by_data(study))} datasets ({', '.join(_by_data(study))}): numbers are compared "
            "and ranked within each of them only."
        )
    for dataset, peers in _by_data(study).items():
        outcomes = [each for configuration in peers for each in configuration.outcomes]
        prints = {exact(_fact(each, "dataset_fingerprint")) for each in outcomes} - {exact(None)}
        if len(prints) > 1:
            yield f"The runs on {dataset} saw {len(prints)} different sets of data by that name."
        mixed = [each.run.name for each in outcomes if _fact(each, "dataset_history")]
        if mixed:
            yield f"Resumed with other data than they began with: {_few(mixed)}."


def _fact(each: Outcome, name: str) -> Any:
    return (each.run.summary or {}).get(name)


def _late(study: Study) -> Iterable[str]:
    if study.metric is None:
        return
    early = [
        f"{each.run.name} (step {step})"
        for each in study.outcomes
        if each.value is not None and (step := each.run.measured_at(study.metric.tag)) is not None
        if step < each.run.steps
    ]
    if early:
        yield f"{study.metric.tag} was last measured before the end of: {_few(early)}."


def _confounded(study: Study) -> Iterable[str]:
    """A factor's own settings, such as loss.slope of a loss, are part of it, not beside it."""
    factors = study.variation.factors
    beside = [
        key
        for key in study.variation.followers
        if not key.endswith("_target_") and key.partition(".")[0] not in factors
    ]
    groups = list(dict.fromkeys(key if key in _SHORT else key.partition(".")[0] for key in beside))
    if groups and factors:
        yield (
            f"Together with {', '.join(factors)} also changes: {', '.join(groups)}. Effects of "
            "settings that change together cannot be told apart here."
        )


def _left_out(study: Study) -> Iterable[str]:
    gaps = [each for each in study.outcomes if each.gap and not each.failure]
    parts = {
        "not in the statistics": len(gaps),
        "with another's configuration and seed": len(study.repeated),
        "not readable": len(study.unreadable),
    }
    listed = [f"{count} {words}" for words, count in parts.items() if count]
    if listed:
        yield f"Runs left out (listed below): {', '.join(listed)}."


def _nested(study: Study) -> Iterable[str]:
    names = [run.name for run in holders([each.run for each in study.outcomes])]
    if names:
        yield f"Other runs lie in the folders of these runs, and all of them count: {_few(names)}."


def sure(each: Configuration) -> bool:
    """Whether a configuration differs from its baseline at the corrected level of 5 %."""
    return each.p_holm is not None and each.p_holm < 0.05


def _few(names: Sequence[str], count: int = 6) -> str:
    more = len(names) - count
    listed = "; ".join(map(shown, names[:count]))
    return f"{listed}; and {more} more" if more > 0 else listed


def _by_data(study: Study) -> dict[str, list[Configuration]]:
    """Configurations by what they were trained on, however that was measured."""
    found: dict[str, list[Configuration]] = {}
    for each in study.configurations:
        found.setdefault(dataset_of(each.outcomes[0].run), []).append(each)
    return found
