"""What an evaluation needs of a dataset, checked before anything is trained."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.data.mixtures import Mixture
from gan_zoo.evaluation.best_checkpoint import best_tag
from gan_zoo.evaluation.config import Evaluation
from gan_zoo.evaluation.groups import MIXTURE, Groups, image_groups
from gan_zoo.metrics.feature_net import suffix_of, unfit
from gan_zoo.metrics.precision_recall import DENSITY_K
from gan_zoo.schema import ConfigError

# test images
_LEAST = {"frechet": 2, "kernel": 2, "manifold": DENSITY_K + 1, "inception": 2}
_LEAST |= {"classes": 1, "nearest": 1}
_NETWORKED = ("frechet", "kernel", "manifold", "classes", "nearest")


def check_splits(dataset: Any, train: InMemoryDataset, test: InMemoryDataset) -> None:
    """Raises ConfigError where test images cannot be compared with generated ones."""
    if test.shape == train.shape:
        return
    shapes = ("x".join(map(str, samples.shape)) for samples in (train, test))
    allowed = "training images are {} and test images {}: they must have one shape".format(*shapes)
    key = "dataset.root" if hasattr(dataset, "root") else "dataset"
    shown = getattr(dataset, "root", type(dataset).__name__)
    raise ConfigError(key, shown, f"{allowed}; evaluate_every=0 trains without evaluating")


def missing(dataset: Any, train: InMemoryDataset, test: InMemoryDataset) -> dict[str, str]:
    """Why groups of numbers cannot be measured on images, and the remedy, by name of the group."""
    more = "add test images"
    if hasattr(dataset, "test_share"):
        more += " or raise dataset.test_share"
    found = {
        name: f"needs at least {least} test images, there are {len(test)}; {more}"
        for name, least in _LEAST.items()
        if len(test) < least
    }
    if train.num_classes == 1:
        found["classes"] = "needs labeled images, and these have no labels"
    if reason := unfit(train):
        found |= dict.fromkeys(_NETWORKED, reason)
    if train.shape[0] not in (1, 3):
        found["inception"] = f"needs images of 1 or 3 channels, these have {train.shape[0]}"
    if find_spec("torch_fidelity") is None:
        found["inception"] = 'needs torch-fidelity: pip install "gan-zoo[fid]"'
    return found


def check_names(
    dataset: Any,
    num_classes: int | None,
    conditional: bool,
    settings: Evaluation,
    lower_is_better: Callable[[str], bool | None],
) -> None:
    """Raises ConfigError for names of metrics that a dataset cannot have, before it is loaded.

    num_classes: None where only the data tell.
    """
    possible = [_groups(dataset, classes, conditional) for classes in _classes(num_classes)]
    try:
        tags = [
            tag for groups in possible for tag in groups.tags_of(groups.chosen(settings.metrics))
        ]
        own = ["metric/classification_error"] if conditional else []
        best_tag(settings.monitor, [*tags, *own], lower_is_better)
    except ConfigError as error:
        raise error.under("evaluation") from None


def _classes(num_classes: int | None) -> tuple[int, ...]:
    return (1, 2) if num_classes is None else (num_classes,)


def _groups(dataset: Any, num_classes: int, conditional: bool) -> Groups:
    if isinstance(dataset, Mixture):
        return MIXTURE
    suffix = suffix_of(dataset, num_classes)
    return image_groups(suffix, labeled=num_classes > 1, conditional=conditional)
