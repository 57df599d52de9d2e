"""What an evaluation needs of a dataset, checked before training."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.data.mixtures import Mixture
from gan_zoo.evaluation.config import MIXTURE, Evaluation, Groups, image_groups, monitored_tag
from gan_zoo.metrics.feature_tasks import suffix_of, unfit_reason
from gan_zoo.metrics.metric_info import CLASSIFICATION_ERROR
from gan_zoo.metrics.precision_recall import DENSITY_K
from gan_zoo.schema import ConfigError

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment

_CLASSIFY = ("log_softmax", "")  # outputs of critics that classify; the user's own may have none
_MIN_TEST_IMAGES = {"frechet": 2, "kernel": 2, "manifold": DENSITY_K + 1, "inception": 2}
_MIN_TEST_IMAGES |= {"classes": 1, "nearest": 1}
_NEEDS_FEATURES = ("frechet", "kernel", "manifold", "classes", "nearest")


def check_splits(dataset: Any, train: InMemoryDataset, test: InMemoryDataset) -> None:
    """Raises ConfigError where test images cannot be compared with generated ones."""
    if test.shape == train.shape:
        return
    shapes = ("x".join(map(str, samples.shape)) for samples in (train, test))
    allowed = "training images are {} and test images {}: they must have one shape".format(*shapes)
    allowed += "; evaluate_every=0 trains without evaluating"
    raise ConfigError(*dataset.source, allowed)


def missing_groups(dataset: Any, train: InMemoryDataset, test: InMemoryDataset) -> dict[str, str]:
    """Return why groups of metrics cannot be measured on images, and the remedy, by group."""
    remedy = "add test images"
    if hasattr(dataset, "test_share"):
        remedy += " or raise dataset.test_share"
    missing = {
        name: f"needs at least {least} test images, there are {len(test)}; {remedy}"
        for name, least in _MIN_TEST_IMAGES.items()
        if len(test) < least
    }
    if train.num_classes == 1:
        missing["classes"] = "needs labeled images, and these have no labels"
    if reason := unfit_reason(train):
        missing |= dict.fromkeys(_NEEDS_FEATURES, reason)
    if train.shape[0] not in (1, 3):
        missing["inception"] = f"needs images of 1 or 3 channels, these have {train.shape[0]}"
    if find_spec("torch_fidelity") is None:
        missing["inception"] = 'needs torch-fidelity: pip install "gan-zoo[fid]"'
    return missing


def check_names(experiment: "Experiment", settings: Evaluation) -> str | None:
    """Check the names of metrics, before the dataset is loaded, and return the monitored tag.

    Where only the loaded data know the number of classes, the tag may have another suffix then.
    Raises ConfigError for names that the dataset or the critic cannot have.
    """
    dataset, conditional = experiment.dataset, experiment.settings.conditional
    num_classes = dataset.spec().num_classes
    counts = (1, 2) if num_classes is None else (num_classes,)
    possible = [_groups(dataset, count, conditional) for count in counts]
    classifies = experiment.config["architecture"]["critic"].get("output", "") in _CLASSIFY
    try:
        tags = [
            tag for groups in possible for tag in groups.tags_of(groups.select(settings.metrics))
        ]
        own = [CLASSIFICATION_ERROR.tag()] if conditional and classifies else []
        return monitored_tag(settings.monitor, [*tags, *own])
    except ConfigError as error:
        raise error.under("evaluation") from None


def _groups(dataset: Any, num_classes: int, conditional: bool) -> Groups:
    if isinstance(dataset, Mixture):
        return MIXTURE
    suffix = suffix_of(dataset, num_classes)
    return image_groups(suffix, labeled=num_classes > 1, conditional=conditional)
