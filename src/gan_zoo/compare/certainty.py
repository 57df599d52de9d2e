"""How sure a comparison can be: by its number of seeds, and by its held-out images."""

import dataclasses
import math
import statistics
from typing import TYPE_CHECKING

from scipy import stats

from gan_zoo.report.stats import LEVEL

if TYPE_CHECKING:
    from gan_zoo.evaluation.evaluator import Evaluator

_SETS = 10  # random sets of real images


@dataclasses.dataclass(frozen=True)
class RealDistance:
    """The Fréchet distance of real training images from the held-out ones.

    Attributes:
        mean: over random sets of training images, each as many as are held out, or all.
        deviation: standard deviation over the sets; 0 where there is only one.
        images: number of images in a set.
    """

    mean: float
    deviation: float
    images: int


def detectable_ratio(seeds: int) -> float:
    """Return the least difference of two means that is significant, in deviations.

    The unit is the standard deviation of the paired difference over seeds; by the paired t test at
    the 5 % level, two-sided.
    """
    return float(stats.t.ppf(1 - LEVEL / 2, seeds - 1)) / math.sqrt(seeds)


def real_distance(evaluator: "Evaluator") -> RealDistance | None:
    """Measure real images against real ones; None for data whose exact distribution is known.

    The number of images in a set is the reference's, as fakes are compared with it; where there are
    fewer training images, all of them make the only set.
    """
    import torch

    from gan_zoo.evaluation.images import ImageMetrics
    from gan_zoo.metrics.distances import fit, frechet_distance

    metrics = evaluator.metrics
    if not isinstance(metrics, ImageMetrics) or "frechet" not in evaluator.names:
        return None
    reference, rng = fit(metrics.reference.features), torch.Generator().manual_seed(0)
    count = len(metrics.bank)
    size = min(len(metrics.real), count)
    distances = []
    for _ in range(_SETS if size < count else 1):
        chosen = torch.randperm(count, generator=rng)[:size]
        features = metrics.extractor(metrics.bank[chosen]).features
        distances.append(frechet_distance(reference, fit(features)))
    deviation = statistics.stdev(distances) if len(distances) > 1 else 0.0
    return RealDistance(statistics.fmean(distances), deviation, size)
