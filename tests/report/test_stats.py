"""Intervals, tests and rates, against closed forms, scipy and simulations."""

import math

import numpy as np
import pytest
from scipy import stats

from gan_zoo.report.stats import (
    bootstrap_interval,
    holm,
    paired_difference,
    probability_best,
    rate_interval,
    student_interval,
)

NORMAL_QUANTILE = 3.3  # of the simulations' own error: one false alarm in a thousand


def simulated_coverage(interval, seeds, repeats):
    rng = np.random.default_rng(7).normal(3.0, 2.0, size=(repeats, seeds))
    held = [found.low <= 3.0 <= found.high for found in map(interval, rng)]
    return np.mean(held), NORMAL_QUANTILE * math.sqrt(0.95 * 0.05 / repeats)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_student_interval_has_nominal_coverage(seeds):
    coverage, error = simulated_coverage(student_interval, seeds, 2000)
    assert abs(coverage - 0.95) < error


@pytest.mark.parametrize(("seeds", "low", "high"), [(3, 0.69, 0.81), (10, 0.87, 0.95)])
def test_bootstrap_interval_has_documented_coverage(seeds, low, high):
    coverage, _ = simulated_coverage(bootstrap_interval, seeds, 600)
    assert low < coverage < high


def test_student_interval_agrees_with_scipy():
    values = [2.0, 3.5, 4.0, 9.0]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = student_interval(values)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_one_value_or_no_spread_gives_no_interval():
    assert student_interval([4.0]) is None
    assert bootstrap_interval([4.0]) is None
    assert student_interval([0.1 + 0.2, 0.3, 0.3]) is None


def test_paired_difference_agrees_with_scipy():
    ours, baseline = {0: 1.0, 1: 4.0, 2: 2.0, 9: 100.0}, {2: 5.0, 0: 3.0, 1: 4.5, 7: -50.0}
    found = paired_difference(ours, baseline)
    expected = stats.ttest_rel([1.0, 4.0, 2.0], [3.0, 4.5, 5.0])
    assert found.seeds == 3
    assert found.mean == pytest.approx(-11 / 6)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-10)
    limits = expected.confidence_interval(0.95)
    assert (found.interval.low, found.interval.high) == pytest.approx((limits.low, limits.high))


def test_pairing_removes_common_seed_effects():
    effects = np.random.default_rng(1).normal(0, 100, 5)
    noise = np.random.default_rng(2).normal(0, 0.1, 5)
    baseline = dict(enumerate(effects))
    ours = dict(enumerate(effects - 1 + noise))
    assert paired_difference(ours, baseline).p < 0.001
    assert stats.ttest_ind(list(ours.values()), list(baseline.values())).pvalue > 0.9


def test_constant_difference_uses_sign_flip_test():
    found = paired_difference({0: 8, 1: 8, 2: 8}, {0: 7, 1: 7, 2: 7})
    assert (found.mean, found.p, found.interval) == (1.0, 0.25, None)
    assert paired_difference({0: 8, 1: 8}, {0: 8, 1: 8}).p == 1.0


def test_fewer_than_two_common_seeds_give_no_p():
    assert paired_difference({0: 1.0}, {1: 1.0}) is None
    single = paired_difference({0: 1.0}, {0: 3.0, 1: 1.0})
    assert (single.mean, single.p, single.interval) == (-2.0, None, None)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_controls_familywise_error():
    random, alarms, repeats = np.random.default_rng(3), 0, 1000
    for _ in range(repeats):
        values = random.normal(size=(6, 5))
        baseline = dict(enumerate(values[0]))
        ps = [paired_difference(dict(enumerate(row)), baseline).p for row in values[1:]]
        alarms += min(holm(ps)) < 0.05
    assert alarms / repeats < 0.05 + NORMAL_QUANTILE * math.sqrt(0.05 * 0.95 / repeats)
    assert alarms > 0  # a test that never rejects would hold it too


def test_holm_finds_a_large_effect():
    random, found, repeats = np.random.default_rng(4), 0, 300
    for _ in range(repeats):
        values = random.normal(size=(6, 5))
        values[1] += 5
        baseline = dict(enumerate(values[0]))
        ps = [paired_difference(dict(enumerate(row)), baseline).p for row in values[1:]]
        found += holm(ps)[0] < 0.05
    assert found / repeats > 0.7


def test_rate_interval_closed_form():
    assert rate_interval(0, 0) is None
    none_of_three = rate_interval(0, 3)
    assert none_of_three.low == 0
    assert none_of_three.high == pytest.approx(1 - 0.025 ** (1 / 3))


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5])
def test_rate_interval_coverage_is_conservative(rate):
    held = 0.0
    for count in range(11):
        found = rate_interval(count, 10)
        held += stats.binom.pmf(count, 10, rate) * (found.low <= rate <= found.high)
    assert held >= 0.95


def test_probability_best_of_clear_winner_and_of_ties():
    clear = probability_best([{0: 1.0, 1: 1.1, 2: 0.9}, {0: 50.0, 1: 51.0, 2: 49.0}], True)
    assert clear == [1.0, 0.0]
    assert probability_best([{0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0}], True) == [0.5, 0.5]


def test_probability_best_follows_the_direction():
    low, high = {0: 1.0, 1: 1.2, 2: 0.9}, {0: 3.0, 1: 3.3, 2: 2.9}
    shares = probability_best([low, high], lower_is_better=False)
    assert shares[1] > 0.95
    assert sum(shares) == pytest.approx(1)
    assert probability_best([low, {0: 3.0}], True) is None
    assert probability_best([low], True) is None


def test_probability_best_is_calibrated():
    random, claimed, right = np.random.default_rng(5), [], []
    for repeat in range(400):
        means = random.normal(0, 1.0, 3)
        rng = random.normal(means[:, None], 1.0, (3, 5))
        shares = probability_best([dict(enumerate(row)) for row in rng], True, seed=repeat)
        claimed.append(max(shares))
        right.append(int(np.argmax(shares)) == int(np.argmin(means)))
    assert np.mean(claimed) == pytest.approx(np.mean(right), abs=0.1)


def test_common_seed_effects_cancel_in_probability_best():
    effects = [0.0, 30.0, -20.0, 10.0]
    better, worse = [[value + x for value in effects] for x in (0.0, 0.5)]
    joint = probability_best([dict(enumerate(better)), dict(enumerate(worse))], True)
    apart = probability_best([dict(enumerate(better)), dict(enumerate(worse, 10))], True)
    assert joint[0] == 1.0
    assert 0.3 < apart[0] < 0.7
