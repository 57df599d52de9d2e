"""What a metric's value means: how much damage to real samples gives the same. No torch."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gan_zoo.metrics.damage import IMAGE_DAMAGE, NOISE, POINT_DAMAGE, Damage
from gan_zoo.metrics.metric_info import find_metric

_READABLE = 0.3  # standard deviation of noise through which digits are easy to read


@dataclasses.dataclass(frozen=True)
class Ladder:
    """Values of one metric for real samples with increasing amounts of one kind of damage.

    Attributes:
        rungs: (amount, value); the first is undamaged.
        higher_is_better: of the metric.
    """

    damage: Damage
    rungs: tuple[tuple[float, float], ...]
    higher_is_better: bool

    def amount_at(self, value: float) -> float | None:
        """Return the least amount that makes real samples as bad as a value, interpolated.

        It is the undamaged amount for a value that is no worse, None for one beyond the last rung.
        """
        sign = -1 if self.higher_is_better else 1
        first, bad = self.rungs[0][1], sign * value
        if bad <= sign * first:
            return self.damage.undamaged
        for (low, better), (high, worse) in itertools.pairwise(self.rungs):
            if bad <= sign * worse:
                return low + (high - low) * (value - better) / (worse - better)
        return None

    def describe(self, value: float) -> str:
        """Describe the damage that a value amounts to: noise 0.2, or worse than noise 1."""
        amount, most = self.amount_at(value), self.rungs[-1][0]
        if amount is None:
            return f"worse than {self.damage.describe(most, most)}"
        return self.damage.describe(amount, most)


@dataclasses.dataclass(frozen=True)
class Yardstick:
    """The ladders of one metric, of the damage that it sees; at least one."""

    ladders: tuple[Ladder, ...]

    @property
    def landmarks(self) -> tuple[Ladder, ...]:
        """The first ladder and the last: of damaged samples, and of missing ones, if any."""
        return tuple(dict.fromkeys((self.ladders[0], self.ladders[-1])))

    def describe(self, value: float) -> str:
        """Describe the damage that a value amounts to: noise 0.2; or 4 of 10 classes missing.

        Empty for nan.
        """
        if math.isnan(value):
            return ""
        if all(ladder.amount_at(value) == ladder.damage.undamaged for ladder in self.landmarks):
            return "other real samples"
        # beyond its end, a ladder says the least
        ordered = sorted(self.landmarks, key=lambda ladder: ladder.amount_at(value) is None)
        return "; or ".join(ladder.describe(value) for ladder in ordered)

    def sentence(self, value: float) -> str:
        """Describe a value as the end of a sentence: as far from real as: noise 0.2."""
        words = self.describe(value)
        return words if words.startswith("worse") else f"as far from real as: {words or 'unknown'}"

    def to_plain(self) -> dict[str, dict[str, float]]:
        """Return the value of each amount of each damage, as summary.json holds them."""
        return {
            ladder.damage.name: {
                f"{amount:g}": float(f"{value:.6g}") for amount, value in ladder.rungs
            }
            for ladder in self.ladders
        }


def yardstick_of(
    tag: str, measured: Mapping[Damage, Sequence[tuple[float, float]]]
) -> Yardstick | None:
    """Make a metric's yardstick from its values at (amount, value) of each damage.

    Ladders whose values are not finite, or not worse at the end, are left out; None without any.
    """
    metric = find_metric(tag)
    if metric is None or metric.higher_is_better is None:
        return None
    sign, ladders = -1 if metric.higher_is_better else 1, []
    for damage in metric.sees:
        rungs = tuple(sorted(measured.get(damage, ())))
        finite = all(map(math.isfinite, itertools.chain(*rungs)))
        if rungs and finite and sign * rungs[-1][1] > sign * rungs[0][1]:
            ladders.append(Ladder(damage, rungs, metric.higher_is_better))
    return Yardstick(tuple(ladders)) if ladders else None


def is_readable(
    values: Mapping[str, float], find_yardstick: Callable[[str], Yardstick | None]
) -> bool:
    """Return whether images are no farther from real ones than real ones under noise of 0.3.

    Args:
        values: of metrics, by tag. The Fréchet distance judges.
        find_yardstick: of a tag; without that of the Fréchet distance, nothing is known to be
            readable.
    """
    for tag, value in values.items():
        yardstick = find_yardstick(tag) if tag.startswith("metric/frechet") else None
        for ladder in yardstick.ladders if yardstick else ():
            amount = ladder.amount_at(value)
            if ladder.damage == NOISE and amount is not None and amount <= _READABLE:
                return True
    return False


def from_plain(tag: str, plain: Any) -> Yardstick | None:
    """Read what `Yardstick.to_plain` returned for a tag; None for anything else."""
    measured = {}
    for damage in (*IMAGE_DAMAGE, *POINT_DAMAGE):
        try:
            rungs = plain[damage.name].items()
            measured[damage] = [(float(amount), float(value)) for amount, value in rungs]
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            continue
    return yardstick_of(tag, measured)
