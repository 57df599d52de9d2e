"""The comparison of runs: their configurations, grouped by what is comparable, and ranked."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from gan_zoo.report.baselines import compare_with_baselines
from gan_zoo.report.configurations import Configuration, summarize
from gan_zoo.report.data_names import data_names, dataset_of
from gan_zoo.report.factors import Factors, canonical, find_factors, identity
from gan_zoo.report.metric_choice import Metric, choose_metric
from gan_zoo.report.protocols import protocol_names
from gan_zoo.report.read_runs import Unreadable
from gan_zoo.report.run_status import RunStatus, run_status
from gan_zoo.report.runs import Run
from gan_zoo.report.stats import probability_best


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Everything that a report shows.

    Attributes:
        repeated: runs whose configuration, seed and data another run has too, which counts.
    """

    metric: Metric | None
    factor_set: Factors
    configurations: tuple[Configuration, ...]
    repeated: tuple[Run, ...]
    unreadable: tuple[Unreadable, ...]

    @property
    def statuses(self) -> list[RunStatus]:
        return [each for group in self.configurations for each in group.statuses]

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """Names of folders whose runs have no status, and why."""
        repeated = "another run with the same configuration and seed counts"
        return [
            *((run.name, repeated) for run in self.repeated),
            *((each.name, each.reason) for each in self.unreadable),
        ]

    @property
    def datasets(self) -> dict[str, list[Configuration]]:
        """Configurations by dataset, in sweep order."""
        found: dict[str, list[Configuration]] = {}
        for each in self.configurations:
            found.setdefault(each.dataset, []).append(each)
        return found

    @property
    def measures_differ(self) -> bool:
        """Whether the runs of each dataset have a metric in common, but those of all have none."""
        tags: defaultdict[str, list[set[str]]] = defaultdict(list)
        for each in self.statuses:
            if each.ended and each.kind != "diverged":
                tags[dataset_of(each.run)].append(set(each.run.metrics))
        several = self.metric is None and len(tags) > 1
        return several and all(choose_metric(None, None, each) for each in tags.values())

    @property
    def protocols(self) -> dict[str, set[str]]:
        """Protocols by which the metric was measured, by data; see `Run.protocol`, `data_names`."""
        found: dict[str, set[str]] = {}
        names = data_names([each.run for each in self.statuses])
        for each, name in zip(self.statuses, names, strict=True):
            if self.metric and each.value is not None:
                found.setdefault(name, set()).add(
                    each.run.protocol(self.metric.tag_in(each.run.metrics))
                )
        return found


def compare(
    runs: Sequence[Run],
    unreadable: Sequence[Unreadable],
    metric: Metric | None,
    baseline: Mapping[str, str],
) -> Comparison:
    """Compare runs by a metric.

    baseline: factors and values, as on the command line; where it is empty, the first configuration
    of each dataset is the baseline. Raises ConfigError where no configuration matches.
    """
    factor_set = find_factors(runs)
    keys = [(identity(run), canonical(run.seed)) for run in runs]
    stated = {key: run.data for key, run in zip(keys, runs, strict=True) if run.data}
    counted: dict[tuple[str, str, str], RunStatus] = {}
    for key, each in zip(keys, (run_status(run, metric) for run in runs), strict=True):
        place = (*key, each.run.data or stated.get(key, ""))
        counted[place] = max(each, counted.get(place, each), key=_precedence)
    statuses = list(counted.values())
    groups: dict[tuple[str, str], list[RunStatus]] = {}
    comparable = comparison_groups(statuses, metric)
    for (configuration, *_), each, dataset in zip(counted, statuses, comparable, strict=True):
        groups.setdefault((configuration, dataset), []).append(each)
    factors = factor_set.factors
    found = [summarize(group, data, factors, metric) for (_, data), group in groups.items()]
    folders = {each.run.folder for each in statuses}
    return Comparison(
        metric=metric,
        factor_set=factor_set,
        configurations=tuple(_rank(compare_with_baselines(found, baseline), metric)),
        repeated=tuple(run for run in runs if run.folder not in folders),
        unreadable=tuple(unreadable),
    )


def _precedence(each: RunStatus) -> tuple[bool, float]:
    """Sort runs of one configuration, seed and data, of which only the last one counts."""
    return each.ended, each.run.started or 0.0


def comparison_groups(statuses: Sequence[RunStatus], metric: Metric | None) -> list[str]:
    """Return for each run the name of its data, with the protocol's where there are several.

    A run without a value is put with its own protocol if others have that, or else with the one
    that most runs have of its configuration, of its data, or of its dataset.
    """
    datasets = data_names([each.run for each in statuses])
    if metric is None:
        return datasets
    tags = [metric.tag_in(each.run.metrics) for each in statuses]
    known: defaultdict[str, set[str]] = defaultdict(set)
    for each, dataset, tag in zip(statuses, datasets, tags, strict=True):
        if each.value is not None:
            known[dataset].add(tag)
    # feature networks with and without labels, whose values are not comparable
    datasets = [
        f"{dataset}, {tag}" if len(known[dataset]) > 1 else dataset
        for dataset, tag in zip(datasets, tags, strict=True)
    ]
    protocols = [each.run.protocol(tag) for each, tag in zip(statuses, tags, strict=True)]
    used: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each, dataset, protocol in zip(statuses, datasets, protocols, strict=True):
        if each.value is not None:
            for alike in _alike(each.run):
                used[dataset, alike][protocol] += 1
    names = {dataset: protocol_names(used[dataset, ""]) for dataset in datasets}
    groups = []
    for each, dataset, protocol in zip(statuses, datasets, protocols, strict=True):
        counts = used[dataset, ""]
        if len(counts) > 1:
            own = protocol
            if own not in counts:
                places = [(dataset, alike) for alike in _alike(each.run)]
                own = next(used[place] for place in places if place in used).most_common(1)[0][0]
            dataset = f"{dataset}, {names[dataset][own]}"
        groups.append(dataset)
    return groups


def _alike(run: Run) -> list[str]:
    """Return texts that are equal for runs that are alike, from most alike to any runs."""
    return [identity(run), run.data, ""]


def _rank(found: Sequence[Configuration], metric: Metric | None) -> list[Configuration]:
    """Add to each configuration its probability of being the best of its dataset."""
    if metric is None:
        return list(found)
    ranked: dict[tuple[str, str], float] = {}
    for dataset in dict.fromkeys(each.dataset for each in found):
        peers = [each for each in found if each.dataset == dataset and len(each.scores) > 1]
        shares = probability_best([each.scores for each in peers], metric.lower_is_better)
        labels = [(dataset, each.label) for each in peers]
        ranked |= dict(zip(labels, shares or [], strict=False))
    return [
        dataclasses.replace(each, p_best=ranked.get((each.dataset, each.label))) for each in found
    ]
