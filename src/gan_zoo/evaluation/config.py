"""Settings of an evaluation, and the groups of metrics that they select from. No torch."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated

from gan_zoo.metrics.metric_info import (
    IMAGE_METRICS,
    INCEPTION_METRICS,
    LABEL_METRICS,
    MIXTURE_METRICS,
    higher_is_better,
)
from gan_zoo.schema import ConfigError, CountInt, LocalPath, Range, settings, suggest


@settings
class Evaluation:
    """Settings of an evaluation.

    Attributes:
        num_samples: generated samples; the reference has as many real samples, or all there are.
        seed: of latent vectors, labels and the choice of real samples.
        metrics: names of metric groups; `all`, or `fast` for those cheap enough during training.
        monitor: metric that selects best.pt; empty selects the dataset's primary metric.
        cache: folder for feature networks, features of the reference samples, and yardsticks.
    """

    num_samples: Annotated[int, Range(ge=10)] = 10_000
    seed: CountInt = 0
    metrics: tuple[str, ...] = ("all",)
    monitor: str = ""
    cache: LocalPath = "~/.cache/gan_zoo"

    def check(self) -> None:
        """Raises ConfigError where no group is named."""
        if not self.metrics:
            allowed = "names nothing to measure; use [fast], or evaluate_every=0 for no evaluation"
            raise ConfigError("metrics", "[]", allowed)


@dataclasses.dataclass(frozen=True)
class Groups:
    """Groups of metrics that exist for one dataset.

    Attributes:
        tags: tags of the metrics of each group, the most important first.
        primary_metric: tag of the metric that ranks runs by default.
        fast: names of the groups that are cheap enough during training.
        extra: names of the groups that are measured only where they are named.
        missing: why a group cannot be measured on this dataset, and the remedy, by name.
    """

    tags: Mapping[str, tuple[str, ...]]
    primary_metric: str
    fast: tuple[str, ...]
    extra: tuple[str, ...] = ()
    missing: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def select(self, metrics: Iterable[str]) -> list[str]:
        """Return the groups that a setting such as [all] selects, without those missing here.

        Raises ConfigError for an unknown name, and for a named group that cannot be measured.
        """
        selected: dict[str, None] = {}
        for name in metrics:
            if name not in ("all", "fast") and name not in self.tags:
                raise ConfigError("metrics", name, suggest(name, ["all", "fast", *self.tags]))
            if name in self.missing:
                raise ConfigError("metrics", name, self.missing[name])
            measurable = (group for group in self._expand(name) if group not in self.missing)
            selected |= dict.fromkeys(measurable)
        return list(selected)

    def skipped(self, metrics: Iterable[str]) -> dict[str, str]:
        """Return the groups that `all` or `fast` skip on this dataset, with the reason of each."""
        expanded = dict.fromkeys(group for name in metrics for group in self._expand(name))
        return {group: self.missing[group] for group in expanded if group in self.missing}

    def tags_of(self, names: Iterable[str]) -> list[str]:
        """Return the tags of all metrics of these groups, the primary metric first."""
        tags = [tag for name in names for tag in self.tags[name]]
        return sorted(tags, key=lambda tag: tag != self.primary_metric)

    def _expand(self, name: str) -> tuple[str, ...]:
        if name == "all":
            return tuple(group for group in self.tags if group not in self.extra)
        return self.fast if name == "fast" else (name,)


MIXTURE = Groups(
    tags={
        group: tuple(metric.tag() for metric in metrics)
        for group, metrics in MIXTURE_METRICS.items()
    },
    primary_metric="metric/sliced_wasserstein",
    fast=tuple(MIXTURE_METRICS),
)


def image_groups(
    suffix: str,
    *,
    labeled: bool = True,
    conditional: bool = False,
    missing: Mapping[str, str] | None = None,
) -> Groups:
    """Return the groups for images, whose tags end in `suffix`: the dataset and its task.

    Args:
        suffix: see `feature_tasks.suffix_of`.
        labeled: whether the images have classes.
        conditional: whether generators are given a class.
        missing: see `Groups`.
    """
    metrics = dict(IMAGE_METRICS)
    metrics["classes"] += LABEL_METRICS if conditional else ()
    tags = {name: tuple(metric.tag(suffix) for metric in group) for name, group in metrics.items()}
    tags["inception"] = tuple(metric.tag() for metric in INCEPTION_METRICS)
    return Groups(
        tags=tags,
        primary_metric=f"metric/frechet_{suffix}",
        fast=("frechet", "manifold", *(["classes"] if labeled else [])),
        # Inception's weights have to be downloaded
        extra=("inception", *([] if labeled else ["classes"])),
        missing=missing or {},
    )


def monitored_tag(monitor: str, tags: Iterable[str]) -> str | None:
    """Return the tag that selects the best checkpoint: the requested one, or the first that can.

    Args:
        monitor: a tag, with or without its `metric/`; empty for the first tag with a direction.
        tags: of all metrics of an evaluation.

    None if none is requested and no tag has a direction. Raises ConfigError for any other tag.
    """
    usable = [tag for tag in tags if higher_is_better(tag) is not None]
    if not monitor:
        return next(iter(usable), None)
    tag = monitor if "/" in monitor else f"metric/{monitor}"
    if tag not in usable:
        raise ConfigError("monitor", monitor, suggest(tag, usable))
    return tag
