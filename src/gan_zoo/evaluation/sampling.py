"""The generated and real samples that an evaluation compares."""

from collections.abc import Callable

import torch
from torch import Tensor

from gan_zoo.architectures.labels import decode_label
from gan_zoo.architectures.networks import Generator, generate
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.evaluation.health import DivergedError
from gan_zoo.evaluation.result import FakeBatch
from gan_zoo.training.rng import make_rng

Sampler = Callable[[Generator, Tensor, Tensor], Tensor]


def generate_fakes(
    generator: Generator,
    samples: InMemoryDataset,
    n: int,
    seed: int,
    sampler: Sampler = generate,
) -> FakeBatch:
    """Generate n samples in evaluation mode, with labels distributed as in the dataset.

    The same seed gives the same latent vectors in every run. sampler: generates samples of latent
    vectors and labels. Raises DivergedError for samples that are not finite.
    """
    device = next(generator.parameters()).device
    z = generator.sample_z(n, make_rng(seed, "evaluation", device))
    y = sample_labels(samples.y, generator.num_classes, n, seed).to(device)
    x = sampler(generator, z, y)
    if not x.isfinite().all():
        raise DivergedError("samples", float("nan"))
    return FakeBatch(x, y, generator.num_classes)


def sample_labels(labels: Tensor, num_classes: int, n: int, seed: int) -> Tensor:
    """Sample labels (n,) from a dataset's; 0 where there is one class."""
    if num_classes == 1:
        return torch.zeros(n, dtype=torch.int64)
    indices = torch.randint(len(labels), (n,), generator=make_rng(seed, "labels"))
    return decode_label(labels[indices.to(labels.device)])


def sample_real(samples: InMemoryDataset, y: Tensor, seed: int, device: torch.device) -> Tensor:
    """Sample real samples (n, *shape) with the labels y (n,); the same for the same seed."""
    indices = samples.sample_with_labels(y.cpu(), make_rng(seed, "real"))
    return samples.gather(indices)[0].to(device)
