"""Groups of numbers that an evaluation can measure, and which a setting selects. No torch."""

import dataclasses
from collections.abc import Iterable, Mapping

from gan_zoo.schema import ConfigError, suggest


@dataclasses.dataclass(frozen=True)
class Groups:
    """What can be measured on one dataset.

    Attributes:
        tags: tags of the numbers of each group, the group's most telling number first.
        primary_metric: tag of the number that says most.
        fast: names of the groups that are cheap enough to be measured while training.
        extra: names of the groups that are measured only where they are named.
        missing: why a group cannot be measured on this dataset, and the remedy, by name.
    """

    tags: Mapping[str, tuple[str, ...]]
    primary_metric: str
    fast: tuple[str, ...]
    extra: tuple[str, ...] = ()
    missing: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def chosen(self, metrics: Iterable[str]) -> list[str]:
        """Names of groups for a setting such as [all], without those that `all` and `fast` skip.

        Raises ConfigError for an unknown name, and for a named group that cannot be measured.
        """
        found: dict[str, None] = {}
        for name in metrics:
            if name not in ("all", "fast") and name not in self.tags:
                raise ConfigError("metrics", name, suggest(name, ["all", "fast", *self.tags]))
            if name in self.missing:
                raise ConfigError("metrics", name, self.missing[name])
            measurable = (group for group in self._meant(name) if group not in self.missing)
            found |= dict.fromkeys(measurable)
        return list(found)

    def skipped(self, metrics: Iterable[str]) -> dict[str, str]:
        """Groups that `all` or `fast` would select but for this dataset, and why."""
        meant = dict.fromkeys(group for name in metrics for group in self._meant(name))
        return {group: self.missing[group] for group in meant if group in self.missing}

    def tags_of(self, names: Iterable[str]) -> list[str]:
        """Tags of all numbers of the named groups; that of the headline first if it is there."""
        tags = [tag for name in names for tag in self.tags[name]]
        return sorted(tags, key=lambda tag: tag != self.primary_metric)

    def _meant(self, name: str) -> tuple[str, ...]:
        usual = tuple(group for group in self.tags if group not in self.extra)
        return usual if name == "all" else self.fast if name == "fast" else (name,)


MIXTURE = Groups(
    tags={
        "modes": (
            "metric/modes",
            "metric/high_quality",
            "metric/reverse_kl",
            "metric/largest_share",
        ),
        "divergence": ("metric/jsd", "metric/gan_critic_loss_bound"),
        "transport": ("metric/sliced_wasserstein",),
    },
    primary_metric="metric/sliced_wasserstein",
    fast=("modes", "divergence", "transport"),
)

_IMAGE_NUMBERS = {
    "frechet": ("frechet",),
    "kernel": ("kernel_distance", "kernel_distance_error"),
    "manifold": ("precision", "recall", "density", "coverage"),
    "classes": (
        "classes_covered",
        "class_entropy",
        "class_reverse_kl",
        "confident_share",
        "largest_share",
    ),
    "nearest": ("nearest_ratio",),
}
_ASKED = ("label_accuracy", "label_accuracy_worst")  # of generators that know labels
_INCEPTION = ("fid", "kid", "kid_std", "inception_score", "inception_score_std")


def image_groups(
    suffix: str,
    *,
    labeled: bool = True,
    conditional: bool = False,
    missing: Mapping[str, str] | None = None,
) -> Groups:
    """What can be measured on images, whose tags end in `suffix`: dataset and task.

    labeled: whether the images have classes; conditional: whether generators are asked for one.
    """
    numbers = dict(_IMAGE_NUMBERS)
    numbers["classes"] += _ASKED if conditional else ()
    tags = {
        name: tuple(f"metric/{number}_{suffix}" for number in group)
        for name, group in numbers.items()
    }
    tags["inception"] = tuple(f"metric/{number}" for number in _INCEPTION)
    return Groups(
        tags=tags,
        primary_metric=f"metric/frechet_{suffix}",
        fast=("frechet", "manifold", *(["classes"] if labeled else [])),
        extra=("inception", *([] if labeled else ["classes"])),  # Inception's weights are fetched
        missing=missing or {},
    )
