"""The judge that suits a dataset, and the samples put before it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.labels import decode_label
from gan_zoo.architectures.networks import Generator, in_evaluation_mode
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.data.mixtures import Mixture
from gan_zoo.evaluation.config import Evaluation
from gan_zoo.evaluation.health import DivergedError
from gan_zoo.evaluation.images import ImageMetrics
from gan_zoo.evaluation.mixtures import MixtureMetrics
from gan_zoo.evaluation.result import FakeBatch, MetricSuite
from gan_zoo.metrics.feature_cache import Cache
from gan_zoo.schema import ConfigError
from gan_zoo.training.rng import make_rng

_CHUNK = 500


def metrics_for(
    dataset: Any, settings: Evaluation, device: torch.device, conditional: bool = False
) -> MetricSuite:
    """The exact judge for a mixture, one that looks with a trained feature network for images.

    conditional: whether the generators are asked for classes. Raises ConfigError for a dataset
    without test samples, or whose test samples are not like its training samples.
    """
    if not dataset.has_test():
        allowed = "holds no test samples, and there is nothing to compare generated samples with"
        raise ConfigError("dataset.test_share", 0, allowed)
    if isinstance(dataset, Mixture):
        return MixtureMetrics(dataset, settings.num_samples, settings.seed, device)
    cache = Cache(Path(settings.cache))
    return ImageMetrics(dataset, settings.num_samples, settings.seed, cache, device, conditional)


@torch.no_grad()
def generate_fakes(generator: Generator, samples: InMemoryDataset, n: int, seed: int) -> FakeBatch:
    """Samples n of a generator in evaluation mode, labeled as often as the dataset's are.

    The same seed gives the same latent vectors whatever the run. Raises DivergedError for samples
    that are not finite.
    """
    device = next(generator.parameters()).device
    z = generator.sample_z(n, make_rng(seed, "evaluation", device))
    y = sample_labels(samples.y, generator.num_classes, n, seed).to(device)
    x = in_evaluation_mode(generator, lambda: _in_chunks(generator, z, y))
    if not x.isfinite().all():
        raise DivergedError("samples", float("nan"))
    return FakeBatch(x, y, generator.num_classes)


def sample_labels(labels: Tensor, num_classes: int, n: int, seed: int) -> Tensor:
    """Labels (n,) drawn from a dataset's; 0 for a generator that knows none."""
    if num_classes == 1:
        return torch.zeros(n, dtype=torch.int64)
    indices = torch.randint(len(labels), (n,), generator=make_rng(seed, "labels"))
    return decode_label(labels[indices.to(labels.device)])


def _in_chunks(generator: Generator, z: Tensor, y: Tensor) -> Tensor:
    parts = zip(z.split(_CHUNK), y.split(_CHUNK), strict=True)
    return torch.cat([generator(*part) for part in parts])
