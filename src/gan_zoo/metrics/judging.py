"""The judge that suits a dataset, and the samples put before it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.labels import revealed
from gan_zoo.architectures.players import Generator, in_evaluation_mode
from gan_zoo.data.mixtures import Mixture
from gan_zoo.data.samples import Samples
from gan_zoo.metrics.cache import Cache
from gan_zoo.metrics.evaluation import Evaluation
from gan_zoo.metrics.health import DivergedError
from gan_zoo.metrics.image_judge import ImageJudge
from gan_zoo.metrics.judge import Fakes, Judge
from gan_zoo.metrics.mixture_judge import MixtureJudge
from gan_zoo.schema import SettingError
from gan_zoo.training.streams import stream

_CHUNK = 500


def judge_for(
    dataset: Any, settings: Evaluation, device: torch.device, conditional: bool = False
) -> Judge:
    """The exact judge for a mixture, one that looks with a trained feature network for images.

    conditional: whether the generators are asked for classes. Raises SettingError for a dataset
    without test samples, or whose test samples are not like its training samples.
    """
    if not dataset.has_test():
        allowed = "holds no test samples, and there is nothing to compare generated samples with"
        raise SettingError("dataset.test_share", 0, allowed)
    if isinstance(dataset, Mixture):
        return MixtureJudge(dataset, settings.n, settings.seed, device)
    cache = Cache(Path(settings.cache))
    return ImageJudge(dataset, settings.n, settings.seed, cache, device, conditional)


@torch.no_grad()
def draw_fakes(generator: Generator, samples: Samples, n: int, seed: int) -> Fakes:
    """Samples n of a generator in evaluation mode, labelled as often as the dataset's are.

    The same seed gives the same latent vectors whatever the run. Raises DivergedError for samples
    that are not finite.
    """
    device = next(generator.parameters()).device
    z = generator.sample_z(n, stream(seed, "evaluation", device))
    y = draw_labels(samples.y, generator.num_classes, n, seed).to(device)
    x = in_evaluation_mode(generator, lambda: _in_chunks(generator, z, y))
    if not x.isfinite().all():
        raise DivergedError("samples", float("nan"))
    return Fakes(x, y, generator.num_classes)


def draw_labels(labels: Tensor, num_classes: int, n: int, seed: int) -> Tensor:
    """Labels (n,) drawn from a dataset's; 0 for a generator that knows none."""
    if num_classes == 1:
        return torch.zeros(n, dtype=torch.int64)
    places = torch.randint(len(labels), (n,), generator=stream(seed, "labels"))
    return revealed(labels[places.to(labels.device)])


def _in_chunks(generator: Generator, z: Tensor, y: Tensor) -> Tensor:
    parts = zip(z.split(_CHUNK), y.split(_CHUNK), strict=True)
    return torch.cat([generator(*part) for part in parts])
