"""Measures metrics on damaged real samples, once per dataset and protocol."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from gan_zoo.data.mixtures import Mixture
from gan_zoo.evaluation.damaged_samples import DamagedImages, DamagedPoints
from gan_zoo.evaluation.images import ImageMetrics
from gan_zoo.evaluation.mixtures import MixtureMetrics
from gan_zoo.evaluation.result import FakeBatch
from gan_zoo.metrics.damage import Damage
from gan_zoo.metrics.feature_cache import Cache
from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.metrics.yardstick import Yardstick, make_yardstick, read_yardstick

log = logging.getLogger(__name__)

_MOST_NEIGHBORS = 2_000  # samples; beyond, neighbors take minutes, as the square of their number


def load_yardsticks(
    dataset: Any, metrics: ImageMetrics | MixtureMetrics, names: Sequence[str], n: int, cache: Cache
) -> dict[str, Yardstick]:
    """Load the yardsticks of metrics from the cache, or measure them on n real samples, by tag.

    names: of the groups to measure; those that are slow have no yardstick.
    """
    fast = [name for name in names if name in metrics.available.fast]
    # samples that repeat are each other's neighbors
    near = n <= _MOST_NEIGHBORS and n <= len(dataset.train)
    names = [name for name in fast if name != "manifold" or near]
    if not names:
        return {}

    def measure() -> dict[str, Any]:
        log.info("measuring damaged real samples, once per dataset (cached in %s)", cache.folder)
        found = measure_yardsticks(dataset, metrics, names, n)
        return {tag: yardstick.to_plain() for tag, yardstick in found.items()}

    declared = repr([find_metric(tag) for name in names for tag in metrics.available.tags[name]])
    key = json.dumps([dict(metrics.protocol), n, declared], sort_keys=True)
    name = f"yardstick-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    content = cache.get_or_compute(name, measure)
    found = ((tag, read_yardstick(tag, plain)) for tag, plain in content.items())
    return {tag: yardstick for tag, yardstick in found if yardstick}


def measure_yardsticks(
    dataset: Any, metrics: ImageMetrics | MixtureMetrics, names: Sequence[str], n: int
) -> dict[str, Yardstick]:
    """Measure n training samples with increasing damage, and return the yardsticks by tag."""
    damaged: DamagedPoints | DamagedImages
    if isinstance(dataset, Mixture):
        damaged = DamagedPoints(dataset, n, metrics.seed)
    else:
        damaged = DamagedImages(dataset.train, n, metrics.seed)
    undamaged = _measure(metrics, names, damaged.undamaged)
    values: dict[str, dict[Damage, list[tuple[float, float]]]] = {tag: {} for tag in undamaged}
    for damage, amount, x in tqdm(damaged, "yardstick", leave=False, disable=None):
        seeing = [name for name in names if _sees(metrics.available.tags[name], damage)]
        for tag, value in _measure(metrics, seeing, x).items():
            first = (damage.undamaged, undamaged[tag])
            values[tag].setdefault(damage, [first]).append((amount, value))
    made = {tag: make_yardstick(tag, measured) for tag, measured in values.items()}
    return {tag: yardstick for tag, yardstick in made.items() if yardstick}


def _sees(tags: Sequence[str], damage: Damage) -> bool:
    """Return whether any of these metrics sees a damage."""
    return any(metric and damage in metric.sees for metric in map(find_metric, tags))


def _measure(
    metrics: ImageMetrics | MixtureMetrics, names: Sequence[str], x: Tensor
) -> Mapping[str, float]:
    """Return the values of groups of metrics for samples x (n, *shape) by tag."""
    fakes = FakeBatch(x, torch.zeros(len(x), dtype=torch.int64)).to(metrics.device)
    return {tag: v for name in names for tag, v in metrics.groups[name](fakes).numbers.items()}
