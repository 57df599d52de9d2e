"""What a feature network learns: the dataset's classes, or which way up its images are.

Either way it has to know what images of the dataset look like, which is what its features are for.
"""

import dataclasses
import hashlib
import logging
import re
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from gan_zoo.data.in_memory import InMemoryDataset, to_bytes, to_float
from gan_zoo.metrics.feature_cache import Cache
from gan_zoo.schema import ConfigError


@dataclasses.dataclass(frozen=True)
class ClassTask:
    """Tell the dataset's own classes."""

    name: ClassVar[str] = "cnn"

    num_classes: int

    def make_task(self, x: Tensor, y: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Images and the answers expected for them."""
        return x, y


@dataclasses.dataclass(frozen=True)
class RotationTask:
    """Tell by how many quarter turns an image was rotated, where there are no labels.

    Gidaris et al. 2018 (arXiv:1803.07728).
    """

    name: ClassVar[str] = "rotation"

    num_classes: int = 4

    def make_task(self, x: Tensor, y: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Each image under one of the four rotations drawn at random."""
        turns = torch.randint(4, (len(x),), generator=rng).to(x.device)
        every = torch.stack([x.rot90(k, (2, 3)) for k in range(4)])
        return every[turns, torch.arange(len(x), device=x.device)], turns


Task = ClassTask | RotationTask


def suffix_of(dataset: Any, num_classes: int) -> str:
    """End of the tags of a dataset's numbers: its name, and the task of its feature network."""
    task = ClassTask.name if num_classes > 1 else RotationTask.name
    return f"{snake_case(type(dataset).__name__)}_{task}"


def snake_case(name: str) -> str:
    """FashionMNIST as fashion_mnist."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def unfit(samples: InMemoryDataset) -> str:
    """Why no feature network can be trained on these samples; empty where one can."""
    if len(samples) < 2:
        return f"need a feature network, and none can be trained on {len(samples)} image"
    if samples.num_classes > 1 or samples.shape[1] == samples.shape[2]:
        return ""
    size = "x".join(map(str, samples.shape[1:]))
    return (
        f"need a feature network, and images of {size} are neither labeled nor square: none can"
        " be trained on them; label the images or make them square"
    )


def task_for(samples: InMemoryDataset) -> Task:
    """The task that a dataset allows. Raises ConfigError where it allows none."""
    reason = unfit(samples)
    if reason:
        raise ConfigError("dataset", f"images of {samples.shape}", reason)
    return ClassTask(samples.num_classes) if samples.num_classes > 1 else RotationTask()


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
    """Convolution, batch norm, ReLU; the first two reduce the image early, which saves most."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


@dataclasses.dataclass(frozen=True)
class FeatureNetConfig:
    """How a feature network is trained.

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
    """What a feature network sees in images: float64 features (N, 128), probabilities (N, K)."""

    features: Tensor
    probabilities: Tensor


class FeatureExtractor:
    """A trained feature network with all that a protocol must say of it.

    Attributes:
        task: what it was trained for; accuracy: how well it does it on the test split.
        identity: hash of the weights; device: where features come out.
    """

    def __init__(self, task: Task, net: FeatureNet, accuracy: float):
        self.task, self.net, self.accuracy = task, net.eval().requires_grad_(False), accuracy
        self.identity = weights_hash(net)
        self.device = next(net.parameters()).device

    @torch.no_grad()
    def __call__(self, x: Tensor) -> FeatureOutput:
        """What the network sees in bytes, or in floats in [-1, 1], (N, C, H, W).

        Floats are rounded to bytes first, as real images are.
        """
        seen = [self.net.body(part.to(self.device)) for part in _parts(x)]
        logits = [self.net.head(part) for part in seen]
        return FeatureOutput(torch.cat(seen).double(), torch.cat(logits).double().softmax(1))


def resize_protocol(shape: tuple[int, ...]) -> str:
    """What happens to images of a shape (C, H, W) before the network sees them, in words."""
    side = max(shape[1:])
    return "none" if side <= LARGEST_SIDE else f"bilinear, antialiased, to {_reduced(shape)}"


def _reduced(shape: tuple[int, ...]) -> tuple[int, int]:
    scale = LARGEST_SIDE / max(shape[1:])
    height, width = (max(8, round(side * scale)) for side in shape[1:])
    return height, width


def _shrink(x: Tensor) -> Tensor:
    """Floats (N, C, H, W) reduced to a side of 32 where they are larger."""
    shape = tuple(x.shape[1:])
    if max(shape[1:]) <= LARGEST_SIDE:
        return x
    return functional.interpolate(x, _reduced(shape), mode="bilinear", antialias=True)


def _parts(x: Tensor) -> Iterator[Tensor]:
    for part in x.split(_CHUNK):
        yield _shrink(to_float(part if part.dtype == torch.uint8 else to_bytes(part)))


def weights_hash(net: nn.Module) -> str:
    """Hash of all weights and buffers: equal networks, equal hash."""
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
    recipe: FeatureNetConfig | None = None,
) -> FeatureExtractor:
    """The feature network of a dataset, from the cache or trained now, on a device.

    Raises ConfigError for unlabeled images that are not square.
    """
    recipe = recipe or FeatureNetConfig()
    task = task_for(train)
    channels = train.shape[0]

    def make() -> dict[str, Any]:
        log.info("training a feature network, once for this dataset (kept in %s)", cache.folder)
        net = train_feature_net(train, task, recipe, device)
        return {"weights": net.state_dict(), "accuracy": accuracy(net, test, task)}

    settings = hashlib.sha256(f"{recipe} {task}".encode()).hexdigest()[:8]
    name = f"features-{task.name}-{train.fingerprint()}-{test.fingerprint()}-{settings}"
    content = cache.get_or_compute(name, make)
    with torch.random.fork_rng(devices=[]):  # the run's own noise must not notice
        net = FeatureNet(channels, task.num_classes)
    net.load_state_dict(content["weights"])
    return FeatureExtractor(task, net.to(device), content["accuracy"])


def train_feature_net(
    samples: InMemoryDataset, task: Task, recipe: FeatureNetConfig, device: torch.device
) -> FeatureNet:
    """Train a feature network; the same samples and recipe on the same machine give the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        net = FeatureNet(samples.shape[0], task.num_classes).to(device)
    rng = torch.Generator().manual_seed(recipe.seed)
    size = min(recipe.batch_size, len(samples))
    steps = max(recipe.epochs * len(samples) // size, recipe.least_steps)
    optimizer = torch.optim.Adam(net.parameters(), lr=recipe.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.lr, steps)
    batches = _batches(len(samples), size, steps, rng)
    for index in tqdm(batches, "feature network", steps, disable=None):
        x, y = _posed(samples, index, task, rng, device)
        optimizer.zero_grad()
        functional.cross_entropy(net(_shrink(x)), y, label_smoothing=0.02).backward()
        optimizer.step()
        schedule.step()
    return net


def _posed(
    samples: InMemoryDataset, index: Tensor, task: Task, rng: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The samples at index (n,) as the task poses them, and its answers, on a device."""
    x, y = samples.gather(index.to(samples.x.device))
    return task.make_task(x.to(device), y.to(device), rng)


def _batches(count: int, size: int, steps: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Indices (size,) of steps batches, whole epochs shuffled one after the other."""
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(order) < size:
            order = torch.cat([order, torch.randperm(count, generator=rng)])
        yield order[:size]
        order = order[size:]


@torch.no_grad()
def accuracy(net: FeatureNet, samples: InMemoryDataset, task: Task) -> float:
    """Share of the task's answers that the network gets right, in evaluation mode."""
    trainer, right = net.training, 0
    net.eval()
    rng = torch.Generator().manual_seed(0)
    device = next(net.parameters()).device
    for index in torch.arange(len(samples)).split(_CHUNK):
        x, y = _posed(samples, index, task, rng, device)
        right += int((net(_shrink(x)).argmax(1) == y).sum())
    net.train(trainer)
    return right / len(samples)
