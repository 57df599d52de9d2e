"""Name, direction and unit of every metric, by the group that measures it.

No torch: settings are checked and reports written without it. The functions are in the modules
beside this one. A tag is `metric/NAME`; metrics of image features end in a suffix that names the
dataset and the task of its feature network, `metric/NAME_SUFFIX`.
"""

import dataclasses
from collections.abc import Mapping

from gan_zoo.metrics.damage import (
    BLUR,
    DROPPED_PIXELS,
    IMAGE_DAMAGE,
    MISSING_CLASSES,
    MISSING_MODES,
    NOISE,
    OUTLIERS,
    POINT_DAMAGE,
    SALT_AND_PEPPER,
    WIDER_MODES,
    Damage,
)


@dataclasses.dataclass(frozen=True)
class MetricInfo:
    """One number of an evaluation.

    Attributes:
        name: the part of its tag between `metric/` and the suffix.
        higher_is_better: None where neither direction is better; such a metric ranks nothing.
        unit: of its value.
        sees: kinds of damage to real samples that make it worse, the more of it the worse.
    """

    name: str
    higher_is_better: bool | None
    unit: str
    sees: tuple[Damage, ...] = ()

    def tag(self, suffix: str = "") -> str:
        """Return the tag, with the suffix of a dataset's feature network if there is one."""
        return f"metric/{self.name}_{suffix}" if suffix else f"metric/{self.name}"


MetricGroups = Mapping[str, tuple[MetricInfo, ...]]

MIXTURE_METRICS: MetricGroups = {
    "modes": (
        MetricInfo("modes", True, "modes", sees=(MISSING_MODES,)),
        MetricInfo("high_quality", True, "share", sees=(WIDER_MODES, OUTLIERS)),
        MetricInfo("reverse_kl", False, "nats", sees=(MISSING_MODES,)),
        MetricInfo("largest_share", None, "share"),
    ),
    "divergence": (
        MetricInfo("jsd", False, "nats", sees=POINT_DAMAGE),
        MetricInfo("gan_critic_loss_bound", None, "nats"),
    ),
    "transport": (
        # modes that are wider by less than their distance move it less than chance does
        MetricInfo("sliced_wasserstein", False, "sample units", sees=(MISSING_MODES,)),
    ),
}
IMAGE_METRICS: MetricGroups = {
    "frechet": (MetricInfo("frechet", False, "squared feature units", sees=IMAGE_DAMAGE),),
    "kernel": (
        MetricInfo("kernel_distance", False, "MMD^2", sees=IMAGE_DAMAGE),
        MetricInfo("kernel_distance_error", None, "MMD^2"),
    ),
    "manifold": (
        # slight blur draws photographs together, into each other's balls
        MetricInfo("precision", True, "share", sees=(NOISE, SALT_AND_PEPPER, DROPPED_PIXELS)),
        # noise spreads fakes, whose balls then reach real samples
        MetricInfo("recall", True, "share", sees=(DROPPED_PIXELS, BLUR, MISSING_CLASSES)),
        MetricInfo("density", True, "ratio", sees=(NOISE, SALT_AND_PEPPER, DROPPED_PIXELS)),
        MetricInfo("coverage", True, "share", sees=IMAGE_DAMAGE),
    ),
    "classes": (
        # one image that the feature network misclassifies covers a class
        MetricInfo("classes_covered", True, "classes"),
        MetricInfo("class_entropy", True, "nats", sees=(MISSING_CLASSES,)),
        MetricInfo("class_reverse_kl", False, "nats", sees=(MISSING_CLASSES,)),
        MetricInfo("confident_share", None, "share"),
        MetricInfo("largest_share", None, "share"),
    ),
    "nearest": (MetricInfo("nearest_ratio", None, "ratio"),),
}
# measured with the group `classes` where the generator is conditional
LABEL_METRICS = (
    MetricInfo("label_accuracy", True, "share"),
    MetricInfo("label_accuracy_worst", True, "share"),
)
INCEPTION_METRICS = (
    MetricInfo("fid", False, "squared feature units"),
    MetricInfo("kid", False, "MMD^2"),
    MetricInfo("kid_std", None, "MMD^2"),
    MetricInfo("inception_score", True, "classes"),
    MetricInfo("inception_score_std", None, "classes"),
)
CLASSIFICATION_ERROR = MetricInfo("classification_error", False, "share")

_ALL = [
    *(
        metric
        for groups in (MIXTURE_METRICS, IMAGE_METRICS)
        for each in groups.values()
        for metric in each
    ),
    *LABEL_METRICS,
    *INCEPTION_METRICS,
    CLASSIFICATION_ERROR,
]


def find_metric(tag: str) -> MetricInfo | None:
    """Return the metric of a tag, with any suffix; None where the tag is not a metric's."""
    group, _, name = tag.partition("/")
    matching = [m for m in _ALL if group == "metric" and f"{name}_".startswith(f"{m.name}_")]
    return max(matching, key=lambda metric: len(metric.name), default=None)


def tag_pattern(metric: MetricInfo) -> str:
    """Return a regular expression of a metric's tags, whatever the dataset's suffix."""
    prefix = f"{metric.name}_"
    longer = [other.name.removeprefix(prefix) for other in _ALL if other.name.startswith(prefix)]
    others = f"(?!_({'|'.join(longer)})(_|$))" if longer else ""
    return f"metric/{metric.name}{others}(_.*)?$"


def higher_is_better(tag: str) -> bool | None:
    """Return a tag's direction; None where it has none."""
    metric = find_metric(tag)
    return metric.higher_is_better if metric else None
