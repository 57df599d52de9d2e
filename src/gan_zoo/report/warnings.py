"""What a reader must know before trusting the numbers, one sentence each."""

import math
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gan_zoo.printable import list_names
from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration
from gan_zoo.report.data_names import dataset_of
from gan_zoo.report.factors import canonical, format_value
from gan_zoo.report.metric_choice import lower_is_better
from gan_zoo.report.number_format import counted
from gan_zoo.report.planned_jobs import read_plan
from gan_zoo.report.protocols import protocol_names
from gan_zoo.report.run_status import RunStatus
from gan_zoo.report.runs import Run, parent_runs
from gan_zoo.report.title_block import seed_order
from gan_zoo.run_folder import sweep_of
from gan_zoo.setting_keys import key_of

_CLOSE = 1.01  # budgets whose ratio is below this count as equal
# keys not cut to their group, as those that were typed
_FULL = ("optimizer.lr", "regularizer.weight", "regularizer.bound")


def warnings(comparison: Comparison) -> list[str]:
    """List the warnings, the most serious first."""
    return [
        *_metric(comparison),
        *_seeds(comparison),
        *_protocols(comparison),
        *_survivors(comparison),
        *_budgets(comparison),
        *_data(comparison),
        *_measured_early(comparison),
        *_broken_lines(comparison),
        *_confounded(comparison),
        *_excluded(comparison),
        *_not_started(comparison),
        *_nested(comparison),
    ]


def _metric(comparison: Comparison) -> Iterable[str]:
    losses = {canonical(each.run.settings.get("loss._target_")) for each in comparison.statuses}
    if comparison.metric is None and all(each.kind == "diverged" for each in comparison.statuses):
        yield "Every run diverged, so nothing is ranked."
    elif comparison.measures_differ:
        yield (
            "The datasets have no metric in common, so nothing is ranked: report the runs of each "
            "by themselves."
        )
    elif comparison.metric is None:
        yield (
            "The runs have no metric/* in common, so nothing is ranked. Values of different loss "
            "functions are not comparable and are no measure of the samples: look at the pictures, "
            "or evaluate the runs first."
        )
        yield from _nearly_common(comparison)
    elif not comparison.metric.tag.startswith(("metric/", "perf/")) and len(losses) > 1:
        yield (
            f"{comparison.metric.tag} is no measure of quality: the runs minimize different loss "
            "functions, whose values are not comparable."
        )


def _nearly_common(comparison: Comparison) -> Iterable[str]:
    """Name the metric that most runs have, though not all."""
    ended = [each.run for each in comparison.statuses if each.ended]
    counts = Counter(
        tag for run in ended for tag in run.metrics if lower_is_better(tag) is not None
    )
    counts = Counter({tag: n for tag, n in counts.items() if tag.startswith("metric/")})
    for tag, count in counts.most_common(1):
        have = "has" if count == 1 else "have"
        runs = counted(len(ended), "finished run")
        yield f"{count} of {runs} {have} {tag}: --metric {shlex.quote(tag)} compares them."


def _seeds(comparison: Comparison) -> Iterable[str]:
    if comparison.metric is None:
        return
    valued = [each for each in comparison.configurations if each.scores]
    single = [each.label for each in valued if len(each.scores) == 1]
    if single and len(single) == len(valued):
        if len(single) == len({each.dataset for each in valued}):  # nothing to compare with
            yield "One seed only: how much the metric varies from seed to seed is unknown."
        else:
            yield (
                "Every configuration has one seed only, so significance is unknown: a difference "
                "below may be due to the seed."
            )
    elif single:
        yield f"One seed only, so significance is unknown: {_first(single)}."


def _protocols(comparison: Comparison) -> Iterable[str]:
    if comparison.metric is None:
        return
    for dataset, protocols in comparison.protocols.items():
        if len(protocols) > 1:
            names = protocol_names(protocols)
            listed = " against ".join(names[protocol] for protocol in sorted(protocols))
            yield (
                f"{comparison.metric.tag} was measured by {len(protocols)} different protocols on "
                f"{dataset} ({listed}): its values are compared within each of them only. Evaluate "
                "all runs alike to compare them all."
            )


def _survivors(comparison: Comparison) -> Iterable[str]:
    for each in comparison.configurations:
        lost = [s.kind for s in each.statuses if s.failure and s.value is None]
        if lost and each.scores:
            have = "has" if len(lost) == 1 else "have"
            kinds = ", ".join(dict.fromkeys(lost))
            what = kinds if kinds == "diverged" else f"{have} no value ({kinds})"
            yield (
                f"{each.label}: {len(lost)} of {counted(len(each.statuses), 'run')} {what}; its "
                "mean is over the others, which is biased in its favor."
            )


def _budgets(comparison: Comparison) -> Iterable[str]:
    for dataset, peers in _by_data(comparison).items():
        complete = [run for each in peers for run in each.complete_runs]
        where = f" on {dataset}" if len(_by_data(comparison)) > 1 else ""
        yield from _unequal(complete, lambda run: run.steps, f"generator updates{where}")
        yield from _unequal(complete, lambda run: run.images_seen, f"real images seen{where}")
    for fact, unit in (("device_name", ""), ("threads", " CPU threads")):
        values = (_fact(each, fact) for each in comparison.statuses if each.ended)
        known = {str(value) for value in values if value is not None}
        if len(known) > 1:
            listed = ", ".join(sorted(known, key=seed_order))
            yield f"Seconds are not comparable: the runs used {listed}{unit}."


def _unequal(runs: Sequence[Run], quantity: Callable[[Run], float], words: str) -> Iterable[str]:
    amounts = [amount for amount in map(quantity, runs) if math.isfinite(amount) and amount > 0]
    if amounts and max(amounts) > _CLOSE * min(amounts):
        yield f"Unequal budgets: {words} range from {min(amounts):,.0f} to {max(amounts):,.0f}."


def _data(comparison: Comparison) -> Iterable[str]:
    if len(_by_data(comparison)) > 1:
        yield (
            f"{len(_by_data(comparison))} datasets ({', '.join(_by_data(comparison))}): numbers "
            "are compared and ranked within each of them only."
        )
    for dataset, peers in _by_data(comparison).items():
        statuses = [each for configuration in peers for each in configuration.statuses]
        prints = {each.run.data for each in statuses} - {""}
        if len(prints) > 1:
            yield (
                f"The runs on {dataset} used {len(prints)} different sets of data of that name: "
                "numbers are compared and ranked within each of them only."
            )
        mixed = [each.run.name for each in statuses if _fact(each, "dataset_history")]
        if mixed:
            yield f"Resumed with other data than at the start: {_first(mixed)}."


def _fact(each: RunStatus, name: str) -> Any:
    return (each.run.summary or {}).get(name)


def _measured_early(comparison: Comparison) -> Iterable[str]:
    if comparison.metric is None:
        return
    early = [
        f"{each.run.name} (step {step})"
        for each in comparison.statuses
        if each.value is not None
        and (step := each.run.measured_at(comparison.metric.tag_in(each.run.metrics))) is not None
        if step < each.run.steps
    ]
    if early:
        yield f"{comparison.metric.tag} was last measured before the end of: {_first(early)}."


def _broken_lines(comparison: Comparison) -> Iterable[str]:
    runs = [each.run for each in comparison.statuses]
    counts = {run.name: run.curves.broken_lines - run.curves.cut_off for run in runs}
    listed = [f"{name} ({count})" for name, count in counts.items() if count]
    if listed:
        yield f"Lines of metrics.jsonl that cannot be read are missing here: {_first(listed)}."


def _confounded(comparison: Comparison) -> Iterable[str]:
    """Name settings that change with the factors; loss.slope of a loss is part of the factor."""
    factors = comparison.factor_set.factors
    beside = [
        key
        for key in comparison.factor_set.covarying
        if not key.endswith("_target_")
        and not f"{_place(key)}.".startswith(tuple(f"{_place(factor)}." for factor in factors))
    ]
    overrides = (word for each in comparison.statuses for word in each.run.overrides)
    full = {*_FULL, *map(key_of, overrides)}
    group_of = {key: _place(key).partition(".")[0] for key in beside}
    named = dict.fromkeys(key if key in full else group for key, group in group_of.items())
    groups = [key for key in named if key == group_of.get(key, key) or group_of[key] not in named]
    if groups and factors:
        yield (
            f"Other settings change with {', '.join(factors)}: {', '.join(groups)}. Their effects "
            "cannot be separated here."
        )


def _place(key: str) -> str:
    """Return where a setting or choice stands: regularizer.parts.r1 for regularizer@that."""
    return key.rpartition("@")[2]


def _excluded(comparison: Comparison) -> Iterable[str]:
    excluded = [each for each in comparison.statuses if each.exclusion and not each.failure]
    parts = (
        (len(excluded), "not in the statistics"),
        (len(comparison.repeated), "repeated by another run"),
        (len(comparison.unreadable), "not readable"),
    )
    listed = [f"{count} {words}" for count, words in parts if count]
    if listed:
        yield f"Excluded runs (listed below): {', '.join(listed)}."


def _not_started(comparison: Comparison) -> Iterable[str]:
    for sweep in dict.fromkeys(sweep_of(each.run.folder) for each in comparison.statuses):
        plan = read_plan(sweep)
        if plan and (waiting := plan.not_started):
            have = "has" if len(waiting) == 1 else "have"
            jobs = counted(plan.count, "planned job")
            yield f"{len(waiting)} of {jobs} {have} not started: {_first(waiting)}."


def _nested(comparison: Comparison) -> Iterable[str]:
    names = [run.name for run in parent_runs([each.run for each in comparison.statuses])]
    if names:
        yield f"The folders of these runs hold other runs, and all of them count: {_first(names)}."


def _first(names: Sequence[str]) -> str:
    return list_names([*map(format_value, names)], 6, "; ")


def _by_data(comparison: Comparison) -> dict[str, list[Configuration]]:
    """Group configurations by dataset, whatever the metric's protocol."""
    found: dict[str, list[Configuration]] = {}
    for each in comparison.configurations:
        found.setdefault(dataset_of(each.statuses[0].run), []).append(each)
    return found
