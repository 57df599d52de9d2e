"""What a feature network learns: the dataset's classes, or which way up its images are.

Either way it has to know what images of the dataset look like, which is what its features are for.
"""

import dataclasses
from typing import ClassVar

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


def task_for(samples: Samples) -> Task:
    """The task that a dataset allows. Raises SettingError where it allows none."""
    if samples.num_classes > 1:
        return ClassTask(samples.num_classes)
    if samples.shape[1] != samples.shape[2]:
        allowed = "are neither labelled nor square: no feature network can be trained on them"
        raise SettingError("dataset", f"images of {samples.shape}", allowed)
    return RotationTask()
