"""What a feature network learns: the dataset's classes, or which way up its images are.

Either way it has to know what images of the dataset look like, which is what its features are for.
"""

import dataclasses
import re
from typing import Any, ClassVar

import torch
from torch import Tensor

from gan_zoo.data.samples import Samples
from gan_zoo.schema import SettingError


@dataclasses.dataclass(frozen=True)
class ClassTask:
    """Tell the dataset's own classes."""

    name: ClassVar[str] = "cnn"

    num_classes: int

    def pose(self, x: Tensor, y: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Images and the answers expected for them."""
        return x, y


@dataclasses.dataclass(frozen=True)
class RotationTask:
    """Tell by how many quarter turns an image was rotated, where there are no labels.

    Gidaris et al. 2018 (arXiv:1803.07728).
    """

    name: ClassVar[str] = "rotation"

    num_classes: int = 4

    def pose(self, x: Tensor, y: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Each image under one of the four rotations drawn at random."""
        turns = torch.randint(4, (len(x),), generator=draws).to(x.device)
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


def unfit(samples: Samples) -> str:
    """Why no feature network can be trained on these samples; empty where one can."""
    if len(samples) < 2:
        return f"need a feature network, and none can be trained on {len(samples)} image"
    if samples.num_classes > 1 or samples.shape[1] == samples.shape[2]:
        return ""
    size = "x".join(map(str, samples.shape[1:]))
    return (
        f"need a feature network, and images of {size} are neither labelled nor square: none can"
        " be trained on them; label the images or make them square"
    )


def task_for(samples: Samples) -> Task:
    """The task that a dataset allows. Raises SettingError where it allows none."""
    reason = unfit(samples)
    if reason:
        raise SettingError("dataset", f"images of {samples.shape}", reason)
    return ClassTask(samples.num_classes) if samples.num_classes > 1 else RotationTask()
