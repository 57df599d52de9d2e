"""Statistics over seeds: intervals, paired differences, corrections, rates.

With three to ten seeds the result depends on the method: docs/report.md has the coverage of each
interval.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
LEVEL = 0.05  # of significance
_RESAMPLES = 4000


@dataclasses.dataclass(frozen=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Difference:
    """A configuration minus its baseline, over the seeds that both have.

    Attributes:
        mean: of the differences; seeds: their number.
        interval: not corrected for multiple comparisons; None where it is unknown.
        p: two-sided p value; None where it is unknown.
    """

    mean: float
    seeds: int
    interval: Interval | None
    p: float | None


def student_interval(values: Sequence[float]) -> Interval | None:
    """Return the interval of a mean by Student's t (1908): exact for normal values at any n >= 2.

    None for a single value, and for values without spread, whose variance cannot be estimated.
    """
    if len(values) < 2:
        return None
    error = stats.sem(values)
    if not error > 1e-12 * np.max(np.abs(values)):  # equal but for rounding
        return None
    low, high = stats.t.interval(CONFIDENCE, len(values) - 1, np.mean(values), error)
    return Interval(float(low), float(high))


def bootstrap_interval(values: Sequence[float]) -> Interval | None:
    """Return the percentile bootstrap interval of a mean (Efron 1979).

    Too short below about 20 seeds; None for a single value.
    """
    if len(values) < 2:
        return None
    places = np.random.default_rng(0).integers(len(values), size=(_RESAMPLES, len(values)))
    means = np.asarray(values, dtype=np.float64)[places].mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def paired_difference(
    ours: Mapping[object, float], baseline: Mapping[object, float]
) -> Difference | None:
    """Test the difference over common seeds by the paired t test; None without a common seed.

    Where all differences are the same number (a count that saturates) their spread is unknown and
    t would be infinite; then p is that of the sign-flip permutation test, 2^(1-n).
    """
    common = [seed for seed in ours if seed in baseline]
    if not common:
        return None
    x, y = (np.array([values[seed] for seed in common], float) for values in (ours, baseline))
    mean, count = float(np.mean(x - y)), len(common)
    interval = student_interval(x - y)
    if count < 2:
        return Difference(mean, count, None, None)
    if interval is None:
        return Difference(mean, count, None, 1.0 if mean == 0 else 2.0 ** (1 - count))
    return Difference(mean, count, interval, float(stats.ttest_rel(x, y).pvalue))


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p values for their number, in their order (Holm 1979).

    Rejecting those below alpha keeps the probability of any false rejection below alpha.
    """
    adjusted, floor = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        floor = max(floor, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = floor
    return adjusted


def rate_interval(count: int, total: int) -> Interval | None:
    """Return the interval of a rate by Clopper and Pearson (1934): never too short.

    None without trials.
    """
    if not total:
        return None
    found = stats.binomtest(count, total).proportion_ci(CONFIDENCE, method="exact")
    return Interval(float(found.low), float(found.high))


def probability_best(
    samples: Sequence[Mapping[object, float]], lower_is_better: bool, seed: int = 0
) -> list[float] | None:
    """Return the share of bootstrap resamples in which each configuration has the best mean.

    Seeds are resampled jointly where all configurations have the same ones, so that their common
    effects cancel. None unless there are two configurations of two seeds.
    """
    if len(samples) < 2 or min(len(values) for values in samples) < 2:
        return None
    rng = np.random.default_rng(seed)
    shared = sorted(samples[0], key=str)
    if all(set(values) == set(shared) for values in samples):
        values = np.array([[values[key] for key in shared] for values in samples])
        means = _resampled_means(values, rng)
    else:
        columns = (np.array([list(values.values())]) for values in samples)
        means = np.concatenate([_resampled_means(column, rng) for column in columns])
    signed = means if lower_is_better else -means
    best = signed == signed.min(axis=0)
    return [float(share) for share in (best / best.sum(axis=0)).mean(axis=1)]


def _resampled_means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Resample values (configurations, seeds); return means (configurations, resamples).

    Resamples have n - 1 of n seeds, as the mean of n would vary too little (Rao and Wu 1988), and
    deviations are scaled as Student's t scales the normal, for the unknown variance.
    """
    seeds = values.shape[1]
    center = values.mean(axis=1, keepdims=True)
    places = rng.integers(seeds, size=(_RESAMPLES, seeds - 1))
    scale = np.sqrt((seeds - 1) / rng.chisquare(seeds - 1, size=_RESAMPLES))
    return center + (values - center)[:, places].mean(axis=2) * scale
