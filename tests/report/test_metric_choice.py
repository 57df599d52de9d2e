"""Directions of metrics, and the metric to compare by."""

import pytest

from gan_zoo.report.metric_choice import Metric, choose_metric, lower_is_better
from gan_zoo.schema import ConfigError


@pytest.mark.parametrize(
    ("tag", "lower"),
    [
        ("metric/frechet_mnist_cnn", True), ("metric/classification_error", True),
        ("metric/kernel_distance_mnist_cnn", True), ("metric/kernel_distance_error_cnn", None),
        ("metric/sliced_wasserstein", True), ("metric/jsd", True), ("metric/modes", False),
        ("metric/high_quality", False), ("metric/recall_mnist_cnn", False), ("loss/critic", None),
        ("perf/images_per_second", False), ("metric/skidding", None),
    ],
)  # fmt: skip
def test_metric_directions(tag, lower):
    assert lower_is_better(tag) is lower


def test_default_metric_is_common_to_all_runs():
    tags = [{"loss/critic", "metric/modes", "metric/jsd"}, {"metric/modes", "metric/frechet_x"}]
    assert choose_metric(None, None, tags) == Metric("metric/modes", False)
    assert choose_metric(None, None, [{"loss/critic"}]) is None
    assert choose_metric("metric/jsd", False, tags) == Metric("metric/jsd", False)
    with pytest.raises(ConfigError, match="did you mean metric/modes"):
        choose_metric("metric/mode", None, tags)
    with pytest.raises(ConfigError, match="--better"):
        choose_metric("loss/critic", None, tags)


def test_datasets_with_tags_of_their_own_share_a_metric():
    tags = [
        {"loss/critic", "metric/frechet_mnist_cnn", "metric/recall_mnist_cnn"},
        {"loss/critic", "metric/frechet_glyphs_cnn", "metric/recall_glyphs_cnn"},
    ]
    shared = Metric("metric/frechet", True)
    for typed in (None, "frechet", "metric/frechet"):
        assert choose_metric(typed, None, tags) == shared
    assert [shared.tag_in(sorted(each)) for each in tags] == [
        "metric/frechet_mnist_cnn", "metric/frechet_glyphs_cnn",
    ]  # fmt: skip
    assert shared.tag_in(["metric/recall_x"]) == "metric/frechet"
    # a run with two of them does not say which one is meant
    tags[0] |= {"metric/frechet_cifar10_cnn"}
    assert choose_metric(None, None, tags) == Metric("metric/recall", False)
    with pytest.raises(ConfigError, match="short for several"):
        choose_metric("frechet", None, tags)


def test_name_without_group_or_suffix_is_found():
    names = ("precision_mnist_cnn", "kernel_distance_cnn", "kernel_distance_error_cnn", "modes")
    tags = [{"loss/critic"}, {f"metric/{name}" for name in names}]
    for short, found in (
        ("precision", "metric/precision_mnist_cnn"),
        ("metric/precision", "metric/precision_mnist_cnn"),
        ("precision_mnist_cnn", "metric/precision_mnist_cnn"),
        ("kernel_distance", "metric/kernel_distance_cnn"),
        ("modes", "metric/modes"),
    ):
        assert choose_metric(short, None, tags).tag == found
    with pytest.raises(ConfigError, match="did you mean metric/modes"):
        choose_metric("mode", None, tags)
    several = "short for several: metric/precision_cifar10_cnn, metric/precision_mnist_cnn"
    with pytest.raises(ConfigError, match=several):
        choose_metric("precision", None, [*tags, {"metric/precision_cifar10_cnn"}])
