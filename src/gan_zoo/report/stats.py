"""Statistics over seeds: intervals, paired differences, corrections, rates.

With three to ten seeds the choice of the method is the result: see docs/report.md for how often
each interval holds the truth.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
_RESAMPLES = 4000


@dataclasses.dataclass(frozen=True)
class Interval:
    """A range that holds the truth in a stated share of repetitions."""

    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Difference:
    """A configuration minus its baseline, over the seeds that both have.

    Attributes:
        mean: of the differences; seeds: how many there were.
        interval: not corrected for several comparisons; None where it cannot be known.
        p: two-sided probability of such a difference without a true one; None likewise.
    """

    mean: float
    seeds: int
    interval: Interval | None
    p: float | None


def student_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Interval of a mean by Student's t (1908): exact for normal values at any n >= 2.

    None for a single value, and for values without spread, which say nothing about their spread.
    """
    if len(values) < 2:
        return None
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    if not error > _rounding(values):
        return None
    reach = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * error
    mean = float(np.mean(values))
    return Interval(float(mean - reach), float(mean + reach))


def bootstrap_interval(
    values: Sequence[float], confidence: float = CONFIDENCE, seed: int = 0
) -> Interval | None:
    """Percentile bootstrap interval of a mean (Efron 1979). Too short below about 20 seeds."""
    if len(values) < 2:
        return None
    rng = np.random.default_rng(seed).integers(len(values), size=(_RESAMPLES, len(values)))
    means = np.asarray(values, dtype=np.float64)[rng].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def paired_difference(
    ours: Mapping[object, float], baseline: Mapping[object, float]
) -> Difference | None:
    """Difference over common seeds by the paired t test; None without a seed in common.

    Where all differences are the same number (a count that saturates) their spread is unknown and
    t would be infinite; then p is that of the sign-flip permutation test, 2^(1-n).
    """
    common = [seed for seed in ours if seed in baseline]
    if not common:
        return None
    deltas = np.array([ours[seed] - baseline[seed] for seed in common], dtype=np.float64)
    mean, count = float(deltas.mean()), len(deltas)
    if count < 2:
        return Difference(mean, count, None, None)
    interval = student_interval(deltas)
    if interval is None:
        return Difference(mean, count, None, 1.0 if mean == 0 else 2.0 ** (1 - count))
    t = mean / (deltas.std(ddof=1) / math.sqrt(count))
    return Difference(mean, count, interval, float(2 * stats.t.sf(abs(t), count - 1)))


def holm(ps: Sequence[float]) -> list[float]:
    """P values corrected for their number, in their order (Holm 1979).

    Rejecting those below alpha keeps the probability of any false rejection below alpha.
    """
    adjusted, floor = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        floor = max(floor, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = floor
    return adjusted


def rate_interval(count: int, total: int, confidence: float = CONFIDENCE) -> Interval | None:
    """Interval of a rate by Clopper and Pearson (1934): never too short. None for no trials."""
    if not total:
        return None
    found = stats.binomtest(count, total).proportion_ci(confidence, method="exact")
    return Interval(float(found.low), float(found.high))


def probability_best(
    samples: Sequence[Mapping[object, float]], lower_is_better: bool, seed: int = 0
) -> list[float] | None:
    """Share of bootstrap resamples in which each configuration has the best mean.

    Seeds are drawn jointly where all configurations have the same ones, so that luck which they
    share cancels. None unless there are two configurations of two seeds.
    """
    if len(samples) < 2 or min(len(values) for values in samples) < 2:
        return None
    random = np.random.default_rng(seed)
    shared = sorted(samples[0], key=str)
    if all(set(values) == set(shared) for values in samples):
        means = _resampled_means(
            np.array([[values[key] for key in shared] for values in samples]), random
        )
    else:
        columns = (np.array([list(values.values())]) for values in samples)
        means = np.concatenate([_resampled_means(column, random) for column in columns])
    signed = means if lower_is_better else -means
    best = signed == signed.min(axis=0)
    return [float(share) for share in (best / best.sum(axis=0)).mean(axis=1)]


def _resampled_means(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Means (configurations, resamples) of values (configurations, seeds).

    n - 1 of n seeds are drawn, as the mean of n would vary too little (Rao and Wu 1988), and the
    deviations are stretched as Student's t stretches the normal: few seeds know little of their
    own spread.
    """
    seeds = values.shape[1]
    center = values.mean(axis=1, keepdims=True)
    rng = random.integers(seeds, size=(_RESAMPLES, seeds - 1))
    stretch = np.sqrt((seeds - 1) / random.chisquare(seeds - 1, size=_RESAMPLES))
    return center + (values - center)[:, rng].mean(axis=2) * stretch


def _rounding(values: Sequence[float]) -> float:
    """A spread below which values differ by rounding only."""
    return 1e-12 * float(np.max(np.abs(values)))
