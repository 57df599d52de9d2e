"""Input and output of an evaluation: generated samples, and values with their protocols."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_zoo.metrics.damage import Damage
from gan_zoo.metrics.yardstick import Yardstick

Protocol = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class FakeBatch:
    """Generated samples x (N, *shape), scaled as the networks expect, and their labels y (N,).

    Attributes:
        num_classes: labels lie in [0, num_classes); 1 where the generator is unconditional.
    """

    x: Tensor
    y: Tensor
    num_classes: int = 1

    def to(self, device: torch.device) -> "FakeBatch":
        """Return the same samples on another device."""
        return dataclasses.replace(self, x=self.x.to(device), y=self.y.to(device))


@dataclasses.dataclass
class EvalResult:
    """Values by tag.

    Attributes:
        numbers: one value each.
        histograms: several values each, None for an unknown one.
        pictures: uint8 (H, W, 3).
        protocols: what each number depends on; numbers are comparable only if these are equal.
        yardsticks: what the numbers of some metrics mean, measured by the same protocol, the
            primary metric's first.
        real_share: of the real samples in the largest mode or class; 0 where it is not measured.
    """

    numbers: dict[str, float] = dataclasses.field(default_factory=dict)
    histograms: dict[str, list[float | None]] = dataclasses.field(default_factory=dict)
    pictures: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    protocols: dict[str, Protocol] = dataclasses.field(default_factory=dict)
    yardsticks: Mapping[str, Yardstick] = dataclasses.field(default_factory=dict)
    real_share: float = 0.0

    def add(self, other: "EvalResult", protocol: Protocol) -> None:
        """Add the values of another result with this protocol; its own entries take precedence."""
        self.numbers |= other.numbers
        self.histograms |= other.histograms
        self.pictures |= other.pictures
        self.real_share = max(self.real_share, other.real_share)
        self.protocols |= {
            name: {**protocol, **other.protocols.get(name, {})} for name in other.numbers
        }

    def telling_tags(self) -> list[str]:
        """Return the first tags whose yardsticks together see all damage that any of them sees."""
        seen: set[Damage] = set()
        tags = []
        for tag, yardstick in self.yardsticks.items():
            damage = {curve.damage for curve in yardstick.curves}
            tags += [tag] if damage - seen else []
            seen |= damage
        return tags

    def plain_yardsticks(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return the yardsticks as plain numbers by tag, for JSON."""
        return {tag: yardstick.to_plain() for tag, yardstick in self.yardsticks.items()}
