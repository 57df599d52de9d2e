"""What judges have in common: groups of numbers, each number with the protocol it was taken by."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from gan_zoo.architectures.players import Critic
from gan_zoo.metrics.groups import Groups

Protocol = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Fakes:
    """Generated samples as the networks see them, x (N, *shape), and the labels asked for, y (N,).

    Attributes:
        num_classes: labels lie in [0, num_classes); 1 where the generator knows none.
    """

    x: Tensor
    y: Tensor
    num_classes: int = 1


@dataclasses.dataclass
class Judgement:
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

    def add(self, other: "Judgement", protocol: Protocol) -> None:
        """Take in what another judgement found, by the given protocol; its own has precedence."""
        self.numbers |= other.numbers
        self.histograms |= other.histograms
        self.pictures |= other.pictures
        self.protocols |= {
            name: {**protocol, **other.protocols.get(name, {})} for name in other.numbers
        }


class Judge:
    """Judges generated samples against a dataset's.

    Attributes:
        available: which groups of numbers there are, and which of them this dataset admits.
        groups: how each is measured, by name; each finds numbers that share work.
        about: what every number depends on, those of the critic included.
        protocol: what every number of this judge depends on besides the samples.
    """

    available: Groups
    groups: Mapping[str, Callable[[Fakes], Judgement]]
    about: Protocol
    protocol: Protocol

    @property
    def headline(self) -> str:
        """Tag of the number that says most."""
        return self.available.headline

    @property
    def quick(self) -> tuple[str, ...]:
        """Names of the groups that are cheap enough to be measured while training."""
        return self.available.quick

    def chosen(self, metrics: Iterable[str]) -> list[str]:
        """Names of groups for a setting such as [all]. Raises SettingError as `Groups.chosen`."""
        return self.available.chosen(metrics)

    def judge(self, fakes: Fakes, names: Iterable[str]) -> Judgement:
        """What the groups of these names find; `names` may show progress as it is gone through."""
        judgement = Judgement()
        for name in names:
            judgement.add(self.groups[name](fakes), {**self.protocol, "n": len(fakes.x)})
        return judgement

    def portray(self, critic: Critic) -> dict[str, np.ndarray]:
        """Pictures of a critic in evaluation mode, uint8 (H, W, 3), by name; none by default."""
        return {}
