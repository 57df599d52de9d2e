"""Intervals end at what a metric's values can be."""

import math

import pytest

from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.possible_values import possible_values
from gan_zoo.report.read_runs import read_runs
from report_folders import METRIC, by_label, compared, write_run, write_sweep

CLASSES = {"classes": {str(i): 10 for i in range(10)}}


@pytest.mark.parametrize(
    ("tag", "low", "high"),
    [
        ("metric/frechet_mnist_cnn", 0, math.inf), ("metric/recall_mnist_cnn", 0, 1),
        ("metric/modes", 0, 8), ("metric/classes_covered_mnist_cnn", 0, 10),
        ("metric/inception_score", 0, math.inf), ("metric/density_mnist_cnn", 0, math.inf),
        ("metric/kernel_distance_mnist_cnn", -math.inf, math.inf),
        ("metric/gan_critic_loss_bound", -math.inf, math.inf), ("loss/critic", -math.inf, math.inf),
    ],
)  # fmt: skip
def test_limits_of_metrics(tmp_path, tag, low, high):
    write_run(tmp_path / "run", [1.0], settings={"dataset": {"modes": 8}}, summary=CLASSES)
    found = possible_values(tag, read_runs([tmp_path])[0])
    assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize(("dataset", "most"), [({"side": 5}, 25), ({}, math.inf)])
def test_number_of_modes_of_other_mixtures(tmp_path, dataset, most):
    write_run(tmp_path / "run", [1.0], settings={"dataset": dataset})
    assert possible_values("metric/modes", read_runs([tmp_path])[0]).high == most


def test_interval_of_a_distance_is_not_negative(tmp_path):
    found = by_label(compared(write_sweep(tmp_path, {"gan": [1.0, 9.0]})))["all runs"]
    assert (found.mean, found.interval.low) == (5.0, 0.0)
    assert found.interval.high > 50


def test_interval_of_another_tag_is_not_clipped(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 9.0]})
    for path in root.rglob("metrics.jsonl"):
        path.write_text(path.read_text().replace(METRIC, "metric/kernel_distance_x"))
    metric = Metric("metric/kernel_distance_x", lower_is_better=True)
    (found,) = compared(root, metric=metric).configurations
    assert found.interval.low < -40
