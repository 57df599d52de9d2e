"""Declared metrics: tags, directions and units."""

import re

import pytest

from gan_zoo.evaluation.config import MIXTURE, image_groups, monitored_tag
from gan_zoo.metrics.metric_info import find_metric, higher_is_better, tag_pattern
from gan_zoo.schema import ConfigError

MIXTURE_TAGS = MIXTURE.tags_of(MIXTURE.tags)


@pytest.mark.parametrize(
    ("tag", "name", "higher"),
    [
        ("metric/modes", "modes", True),
        ("metric/frechet_mnist_cnn", "frechet", False),
        ("metric/kernel_distance_mnist_cnn", "kernel_distance", False),
        ("metric/kernel_distance_error_mnist_cnn", "kernel_distance_error", None),
        ("metric/label_accuracy_worst_mnist_cnn", "label_accuracy_worst", True),
        ("metric/kid_std", "kid_std", None),
        ("metric/classification_error", "classification_error", False),
    ],
)
def test_tag_finds_its_declaration(tag, name, higher):
    assert find_metric(tag).name == name
    assert higher_is_better(tag) is higher


@pytest.mark.parametrize("tag", ["metric/frechetx", "loss/frechet", "critic/auroc", "frechet"])
def test_other_tags_have_no_direction(tag):
    assert find_metric(tag) is None
    assert higher_is_better(tag) is None


@pytest.mark.parametrize("groups", [MIXTURE, image_groups("mnist_cnn", conditional=True)])
def test_tags_of_groups_are_declared(groups):
    tags = groups.tags_of(groups.tags)
    assert all(find_metric(tag).unit for tag in tags)
    assert tags[0] == groups.primary_metric
    assert monitored_tag("", tags) == groups.primary_metric


def test_metric_without_direction_selects_no_checkpoint():
    assert monitored_tag("", ["metric/nearest_ratio_mnist_cnn"]) is None
    with pytest.raises(ConfigError, match="monitor=kid_std"):
        monitored_tag("kid_std", ["metric/kid", "metric/kid_std"])


@pytest.mark.parametrize("suffix", ["", "_mnist_cnn", "_image_folder_rotation"])
def test_one_pattern_matches_a_tag(suffix):
    groups = image_groups("mnist_cnn", conditional=True)
    metrics = {find_metric(tag) for tag in [*groups.tags_of(groups.tags), *MIXTURE_TAGS]}
    for metric in metrics:
        tag = f"metric/{metric.name}{suffix}"
        assert [m for m in metrics if re.match(tag_pattern(m), tag)] == [metric]
    assert not any(re.match(tag_pattern(m), "metric/frechetx") for m in metrics)
