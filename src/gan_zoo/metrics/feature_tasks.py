"""What a feature network learns: the dataset's classes, or how its images are rotated.

Either task requires features of the dataset's images; these features are what the metrics use.
"""

import dataclasses
import re
from typing import Any, ClassVar

import torch
from torch import Tensor

from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.schema import ConfigError


@dataclasses.dataclass(frozen=True)
class ClassTask:
    """Classify images by the dataset's own classes."""

    name: ClassVar[str] = "cnn"

    num_classes: int

    def make_task(self, x: Tensor, y: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return images and their targets, here unchanged."""
        return x, y


@dataclasses.dataclass(frozen=True)
class RotationTask:
    """Classify unlabeled images by their rotation, Gidaris et al. 2018 (arXiv:1803.07728)."""

    name: ClassVar[str] = "rotation"

    num_classes: int = 4

    def make_task(self, x: Tensor, y: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rotate each image by 0 to 3 quarter turns, drawn at random; these are the targets."""
        target = torch.randint(4, (len(x),), generator=rng).to(x.device)
        rotated = torch.stack([x.rot90(k, (2, 3)) for k in range(4)])
        return rotated[target, torch.arange(len(x), device=x.device)], target


Task = ClassTask | RotationTask


def suffix_of(dataset: Any, num_classes: int) -> str:
    """Return the suffix of a dataset's tags: its name and the task of its feature network."""
    task = ClassTask.name if num_classes > 1 else RotationTask.name
    return f"{snake_case(type(dataset).__name__)}_{task}"


def snake_case(name: str) -> str:
    """Convert a class name such as FashionMNIST to fashion_mnist."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def unfit_reason(samples: InMemoryDataset) -> str:
    """Return why no feature network can be trained on these samples; empty where one can."""
    if len(samples.shape) != 3:
        return "need a feature network of images, and these samples are none"
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
    """Return the task that a dataset allows. Raises ConfigError where it allows none."""
    reason = unfit_reason(samples)
    if reason:
        raise ConfigError("dataset", f"images of {samples.shape}", reason)
    return ClassTask(samples.num_classes) if samples.num_classes > 1 else RotationTask()
