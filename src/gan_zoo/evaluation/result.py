"""What judges have in common: groups of numbers, each number with the protocol it was taken by."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from gan_zoo.architectures.networks import Critic
from gan_zoo.evaluation.groups import Groups

Protocol = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class FakeBatch:
    """Generated samples as the networks see them, x (N, *shape), and the labels asked for, y (N,).

    Attributes:
        num_classes: labels lie in [0, num_classes); 1 where the generator knows none.
    """

    x: Tensor
    y: Tensor
    num_classes: int = 1


@dataclasses.dataclass
class EvalResult:
    """What was found, each under its tag.

    Attributes:
        numbers: one value each; histograms: several, None for what is not known;
            pictures: uint8 (H, W, 3).
        protocols: how each number was taken; numbers of unlike protocols cannot be compared.
    """

    numbers: dict[str, float] = dataclasses.field(default_factory=dict)
    histograms: dict[str, list[float | None]] = dataclasses.field(default_factory=dict)
    pictures: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    protocols: dict[str, Protocol] = dataclasses.field(default_factory=dict)

    def add(self, other: "EvalResult", protocol: Protocol) -> None:
        """Take in what another judgment found, by the given protocol; its own has precedence."""
        self.numbers |= other.numbers
        self.histograms |= other.histograms
        self.pictures |= other.pictures
        self.protocols |= {
            name: {**protocol, **other.protocols.get(name, {})} for name in other.numbers
        }


class MetricSuite:
    """Judges generated samples against a dataset's.

    Attributes:
        available: which groups of numbers there are, and which of them this dataset admits.
        groups: how each is measured, by name; each finds numbers that share work.
        about: what every number depends on, those of the critic included.
        protocol: what every number of this judge depends on besides the samples.
    """

    available: Groups
    groups: Mapping[str, Callable[[FakeBatch], EvalResult]]
    about: Protocol
    protocol: Protocol

    @property
    def primary_metric(self) -> str:
        """Tag of the number that says most."""
        return self.available.primary_metric

    @property
    def fast(self) -> tuple[str, ...]:
        """Names of the groups that are cheap enough to be measured while training."""
        return self.available.fast

    def chosen(self, metrics: Iterable[str]) -> list[str]:
        """Names of groups for a setting such as [all]. Raises ConfigError as `Groups.chosen`."""
        return self.available.chosen(metrics)

    def compute(self, fakes: FakeBatch, names: Iterable[str]) -> EvalResult:
        """What the groups of these names find; `names` may show progress as it is gone through."""
        result = EvalResult()
        for name in names:
            result.add(self.groups[name](fakes), {**self.protocol, "n": len(fakes.x)})
        return result

    def plots(self, critic: Critic) -> dict[str, np.ndarray]:
        """Pictures of a critic in evaluation mode, uint8 (H, W, 3), by name; none by default."""
        return {}
