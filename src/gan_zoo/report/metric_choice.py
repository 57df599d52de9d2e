"""Which metric a report compares by, and which way it is better."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from gan_zoo.metrics.metric_info import find_metric, higher_is_better
from gan_zoo.schema import ConfigError, suggest

_PREFERRED = ("frechet", "kernel_distance", "wasserstein", "jsd", "high_quality", "coverage")


@dataclasses.dataclass(frozen=True)
class Metric:
    """A tag and whether less of it is better.

    Attributes:
        tag: without a suffix where the runs' datasets have suffixes of their own.
    """

    tag: str
    lower_is_better: bool

    def __str__(self) -> str:
        return f"{self.tag} ({'lower' if self.lower_is_better else 'higher'} is better)"

    def tag_in(self, tags: Collection[str]) -> str:
        """Return the tag that it has among those of a run: that of the dataset, or else its own."""
        if self.tag in tags:
            return self.tag
        return next((tag for tag in tags if _without_suffix(tag) == self.tag), self.tag)


def lower_is_better(tag: str) -> bool | None:
    """Return whether lower is better; None for a tag without a direction."""
    higher = True if tag.endswith("_per_second") else higher_is_better(tag)
    return None if higher is None else not higher


def choose_metric(
    tag: str | None, lower: bool | None, per_run: Iterable[set[str]]
) -> Metric | None:
    """Choose the metric to compare by: the given one, else a metric/* of all runs, else None.

    Args:
        tag: of the metric, also without its group or its end; None for the default.
        lower: whether lower is better; None to go by the name.
        per_run: the tags of each run.

    Raises ConfigError for a tag that no run has, or whose direction is unknown.
    """
    per_run = list(per_run)
    everywhere = _common(per_run)
    if tag is None:
        known = [
            t for t in everywhere if t.startswith("metric/") and lower_is_better(t) is not None
        ]
        if not known:
            return None
        tag = min(known, key=_preference)
    else:
        tag = _full_tag(tag, set().union(*per_run), everywhere)
    lower = lower_is_better(tag) if lower is None else lower
    if lower is None:
        allowed = "is lower or higher better? add --better lower or --better higher, "
        allowed += "in Python lower_is_better=True or False"
        raise ConfigError("metric", tag, allowed)
    return Metric(tag, lower)


def _common(per_run: Sequence[set[str]]) -> set[str]:
    """Return the tags of all runs; without its suffix, one of which each run has another form."""
    if not per_run:
        return set()
    common = set.intersection(*per_run)
    counts = [Counter(map(_without_suffix, tags)) for tags in per_run]
    once = set.intersection(*({tag for tag, n in each.items() if n == 1} for each in counts))
    return common | once.difference(map(_without_suffix, common))


@functools.cache  # each of thousands of runs has the same tags
def _without_suffix(tag: str) -> str:
    metric = find_metric(tag)
    return metric.tag() if metric else tag


def _full_tag(given: str, tags: set[str], everywhere: set[str]) -> str:
    """Return the one tag that a name means: precision for metric/precision_mnist_cnn.

    Of several, it is the one without a suffix if each run has one of them. Raises ConfigError where
    none or several are meant.
    """
    names = [given, f"metric/{given}"]
    exact = [name for name in names if name in tags]
    known = ((tag, find_metric(tag)) for tag in sorted(tags))
    found = exact or [tag for tag, metric in known if metric and metric.tag() in names]
    if not found:
        near = suggest(given if "/" in given else names[1], tags) if tags else "nor is any other"
        raise ConfigError("metric", given, f"is in no finished run; {near}")
    if not exact and len(found) > 1:
        if shared := [name for name in names if name in everywhere]:
            return shared[0]
        raise ConfigError("metric", given, f"is short for several: {', '.join(found)}")
    return found[0]


def _holds(words: str, part: str) -> bool:
    """Whether an underscored name has the part as whole words."""
    return f"_{part}_" in f"_{words}_"


def _preference(tag: str) -> tuple[int, str]:
    words = tag.rpartition("/")[2]
    ranks = [rank for rank, part in enumerate(_PREFERRED) if _holds(words, part)]
    return (min(ranks, default=len(_PREFERRED)), tag)
