"""A small network trained on a dataset, whose features take the place of Inception's."""

import contextlib
import dataclasses
import hashlib
import logging
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from gan_zoo.architectures.networks import eval_mode
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.data.loader import to_bytes, to_float
from gan_zoo.metrics.feature_cache import Cache
from gan_zoo.metrics.feature_tasks import Task, task_for

log = logging.getLogger(__name__)

WIDTH = 128  # features per image
LARGEST_SIDE = 32  # larger images are reduced to it
_CHUNK = 500


class FeatureNet(nn.Module):
    """Three convolutions, a layer of 128 features, one logit per class."""

    def __init__(self, channels: int, num_classes: int):
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(channels, 24, kernel=5, stride=2),
            *_convolution(24, 48, kernel=5, stride=2),
            *_convolution(48, 64, kernel=3, stride=1),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(64 * 16, WIDTH),
            nn.ReLU(),
        )
        self.head = nn.Linear(WIDTH, num_classes)
        self.to(memory_format=torch.channels_last)  # on CPU a third faster

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1], no larger than 32 x 32, to logits (N, K)."""
        return self.head(self.body(x))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    """Return convolution, batch norm, ReLU. Early strides save most of the time."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


@dataclasses.dataclass(frozen=True)
class FeatureNetConfig:
    """Hyperparameters of a feature network's training.

    Attributes:
        epochs: passes over the training split, but at least least_steps batches in all.
        lr: largest learning rate; it rises and falls once.
    """

    epochs: int = 2
    least_steps: int = 100
    batch_size: int = 128
    lr: float = 4e-3
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class FeatureOutput:
    """Features (N, 128) and class probabilities (N, K) of images, float64."""

    features: Tensor
    probabilities: Tensor


class FeatureExtractor:
    """A trained feature network.

    Attributes:
        task: what it was trained for; accuracy: of this task on the test split.
        identity: hash of the weights; device: of the features.
    """

    def __init__(self, task: Task, net: FeatureNet, accuracy: float):
        self.task, self.net, self.accuracy = task, net.eval().requires_grad_(False), accuracy
        self.identity = weights_hash(net)
        self.device = next(net.parameters()).device

    @torch.no_grad()
    def __call__(self, x: Tensor) -> FeatureOutput:
        """Extract features of images (N, C, H, W), bytes, or floats in [-1, 1].

        Floats are rounded to bytes first, as real images are.
        """
        features = [self.net.body(part.to(self.device)) for part in _parts(x)]
        logits = [self.net.head(part) for part in features]
        return FeatureOutput(torch.cat(features).double(), torch.cat(logits).double().softmax(1))


def resize_protocol(shape: tuple[int, ...]) -> str:
    """Return in words how images of a shape (C, H, W) are resized for the network."""
    side = max(shape[1:])
    return "none" if side <= LARGEST_SIDE else f"bilinear, antialiased, to {_reduced(shape)}"


def _reduced(shape: tuple[int, ...]) -> tuple[int, int]:
    scale = LARGEST_SIDE / max(shape[1:])
    height, width = (max(8, round(side * scale)) for side in shape[1:])
    return height, width


def _shrink(x: Tensor) -> Tensor:
    """Resize floats (N, C, H, W) to a longer side of 32 where they are larger."""
    shape = tuple(x.shape[1:])
    if max(shape[1:]) <= LARGEST_SIDE:
        return x
    return functional.interpolate(x, _reduced(shape), mode="bilinear", antialias=True)


def _parts(x: Tensor) -> Iterator[Tensor]:
    for part in x.split(_CHUNK):
        yield _shrink(to_float(part if part.dtype == torch.uint8 else to_bytes(part)))


def weights_hash(net: nn.Module) -> str:
    """Hash all weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in net.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy())
    return digest.hexdigest()[:16]


def feature_extractor(
    train: InMemoryDataset,
    test: InMemoryDataset,
    cache: Cache,
    device: torch.device,
) -> FeatureExtractor:
    """Load a dataset's feature network from the cache, or train it, on a device.

    Raises ConfigError for unlabeled images that are not square.
    """
    config = FeatureNetConfig()
    task = task_for(train)
    channels = train.shape[0]

    def train_and_test() -> dict[str, Any]:
        log.info("training a feature network, once per dataset (cached in %s)", cache.folder)
        with _any_algorithm():
            net = train_feature_net(train, task, config, device)
        return {"weights": net.state_dict(), "accuracy": accuracy(net, test, task)}

    settings = hashlib.sha256(f"{config} {task}".encode()).hexdigest()[:8]
    name = f"features-{task.name}-{train.fingerprint()}-{test.fingerprint()}-{settings}"
    content = cache.get_or_compute(name, train_and_test)
    with torch.random.fork_rng(devices=[]):  # leave the run's rng alone
        net = FeatureNet(channels, task.num_classes)
    net.load_state_dict(content["weights"])
    return FeatureExtractor(task, net.to(device), content["accuracy"])


@contextlib.contextmanager
def _any_algorithm() -> Iterator[None]:
    """Allow what deterministic=true forbids on a GPU: its average pooling has no such gradient."""
    before = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)


def train_feature_net(
    samples: InMemoryDataset, task: Task, config: FeatureNetConfig, device: torch.device
) -> FeatureNet:
    """Train a feature network, reproducibly on one machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        net = FeatureNet(samples.shape[0], task.num_classes).to(device)
    rng = torch.Generator().manual_seed(config.seed)
    size = min(config.batch_size, len(samples))
    steps = max(config.epochs * len(samples) // size, config.least_steps)
    optimizer = torch.optim.Adam(net.parameters(), lr=config.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.lr, steps)
    batches = _batches(len(samples), size, steps, rng)
    for index in tqdm(batches, "feature network", steps, leave=False, disable=None):
        x, y = _examples(samples, index, task, rng, device)
        optimizer.zero_grad()
        functional.cross_entropy(net(_shrink(x)), y, label_smoothing=0.02).backward()
        optimizer.step()
        schedule.step()
    return net


def _examples(
    samples: InMemoryDataset, index: Tensor, task: Task, rng: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the task's inputs and targets from the samples at index (n,), on a device."""
    x, y = samples.gather(index.to(samples.x.device))
    return task.make_task(x.to(device), y.to(device), rng)


def _batches(count: int, size: int, steps: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Yield the indices (size,) of each batch, from one shuffled epoch after the other."""
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(order) < size:
            order = torch.cat([order, torch.randperm(count, generator=rng)])
        yield order[:size]
        order = order[size:]


@torch.no_grad()
def accuracy(net: FeatureNet, samples: InMemoryDataset, task: Task) -> float:
    """Return the share of samples that the network classifies correctly in evaluation mode."""
    rng, correct = torch.Generator().manual_seed(0), 0
    device = next(net.parameters()).device
    with eval_mode(net):
        for index in torch.arange(len(samples)).split(_CHUNK):
            x, y = _examples(samples, index, task, rng, device)
            correct += int((net(_shrink(x)).argmax(1) == y).sum())
    return correct / len(samples)
