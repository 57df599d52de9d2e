"""Yardsticks in words: interpolation, both ends, and reading what a summary holds."""

import math

import pytest

from gan_zoo.metrics.damage import MISSING_CLASSES, NOISE
from gan_zoo.metrics.yardstick import make_yardstick, read_yardstick

FRECHET = make_yardstick(
    "metric/frechet_mnist_cnn",
    {
        NOISE: [(0, 1.0), (0.1, 5.0), (0.2, 25.0), (0.4, 105.0)],
        MISSING_CLASSES: [(0, 1.0), (1, 9.0), (5, 49.0), (9, 209.0)],
    },
)
PRECISION = make_yardstick(
    "metric/precision", {NOISE: [(0, 0.9), (0.1, 0.5), (0.2, 0.0), (1, 0.0)]}
)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.5, "other real samples"),
        (1.0, "other real samples"),
        (5.0, "noise 0.1; or fewer than 1 of 10 classes missing"),
        (15.0, "noise 0.15; or 2 of 10 classes missing"),
        (49.0, "noise 0.26; or 5 of 10 classes missing"),
        (150.0, "8 of 10 classes missing; or worse than noise 0.4"),
        (209.0, "one class only; or worse than noise 0.4"),
        (1e4, "worse than noise 0.4; or worse than one class only"),
        (math.inf, "worse than noise 0.4; or worse than one class only"),
        (math.nan, ""),
    ],
)
def test_value_is_described_by_two_curves(value, words):
    assert FRECHET.describe(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.95, "other real samples"), (0.7, "noise 0.05"), (0.25, "noise 0.15"), (0.0, "noise 0.2")],
)
def test_higher_values_are_better(value, words):
    assert PRECISION.describe(value) == words


def test_sentence_says_far_or_worse():
    assert PRECISION.sentence(0.5) == "as far from real as: noise 0.1"
    assert FRECHET.sentence(1e4) == "worse than noise 0.4; or worse than one class only"


def test_counts_end_at_one_kind():
    assert MISSING_CLASSES.counts(10) == [1, 3, 5, 9]
    assert MISSING_CLASSES.counts(2) == [1]
    assert MISSING_CLASSES.counts(1) == []
    assert MISSING_CLASSES.counts(3740) == [374, 1122, 1870, 3739]
    assert MISSING_CLASSES.describe(1122, 3739) == "1,122 of 3,740 classes missing"


def test_plain_numbers_are_read_back():
    plain = FRECHET.to_plain()
    assert plain["noise"] == {"0": 1.0, "0.1": 5.0, "0.2": 25.0, "0.4": 105.0}
    assert read_yardstick("metric/frechet_mnist_cnn", plain) == FRECHET


@pytest.mark.parametrize(
    "plain",
    [None, [], "noise", {}, {"noise": 3}, {"noise": {"0": 1}}, {"noise": {"0": 1, "0.1": None}},
     {"noise": {"0": 1, "1": 1}}, {"noise": {"0": 1, "1": 0.5}}, {"noise": {"0": 1, "nan": 3}},
     {"noise": {"0": 1, "1": 10**400}},
     {"other": {"0": 1, "1": 2}}, {"outliers": {"0": 1, "5": 2}}],
)  # fmt: skip
def test_other_content_is_no_yardstick(plain):
    assert read_yardstick("metric/frechet_mnist_cnn", plain) is None


@pytest.mark.parametrize("tag", ["metric/largest_share", "metric/unknown", "critic/auroc"])
def test_metric_without_direction_has_no_yardstick(tag):
    assert read_yardstick(tag, FRECHET.to_plain()) is None


def test_damage_that_a_metric_does_not_see_is_left_out():
    found = read_yardstick("metric/class_reverse_kl_mnist_cnn", FRECHET.to_plain())
    assert [curve.damage for curve in found.curves] == [MISSING_CLASSES]
