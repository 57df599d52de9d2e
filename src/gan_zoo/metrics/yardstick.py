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
class DamageCurve:
    """Values of one metric for real samples with increasing amounts of one kind of damage.

    Attributes:
        points: (amount, value); the first is undamaged.
        higher_is_better: of the metric.
    """

    damage: Damage
    points: tuple[tuple[float, float], ...]
    higher_is_better: bool

    def amount_at(self, value: float) -> float | None:
        """Return the least amount that makes real samples as bad as a value, interpolated.

        It is the undamaged amount for a value that is no worse, None for one beyond the last point.
        """
        sign = -1 if self.higher_is_better else 1
        first, bad = self.points[0][1], sign * value
        if bad <= sign * first:
            return self.damage.undamaged
        for (low, better), (high, worse) in itertools.pairwise(self.points):
            if bad <= sign * worse:
                return low + (high - low) * (value - better) / (worse - better)
        return None

    def describe(self, value: float) -> str:
        """Describe the damage that a value amounts to: noise 0.2, or worse than noise 1."""
        amount, most = self.amount_at(value), self.points[-1][0]
        if amount is None:
            return f"worse than {self.damage.describe(most, most)}"
        return self.damage.describe(amount, most)


@dataclasses.dataclass(frozen=True)
class Yardstick:
    """The curves of one metric, of the damage that it sees; at least one."""

    curves: tuple[DamageCurve, ...]

    @property
    def main_curves(self) -> tuple[DamageCurve, ...]:
        """The first curve and the last: of damaged samples, and of missing ones, if any."""
        return tuple(dict.fromkeys((self.curves[0], self.curves[-1])))

    def describe(self, value: float) -> str:
        """Describe the damage that a value amounts to: noise 0.2; or 4 of 10 classes missing.

        Empty for nan.
        """
        if math.isnan(value):
            return ""
        if all(curve.amount_at(value) == curve.damage.undamaged for curve in self.main_curves):
            return "other real samples"
        # beyond its end, a curve says the least
        ordered = sorted(self.main_curves, key=lambda curve: curve.amount_at(value) is None)
        return "; or ".join(curve.describe(value) for curve in ordered)

    def sentence(self, value: float) -> str:
        """Describe a value as the end of a sentence: as far from real as: noise 0.2."""
        words = self.describe(value)
        return words if words.startswith("worse") else f"as far from real as: {words or 'unknown'}"

    def to_plain(self) -> dict[str, dict[str, float]]:
        """Return the value of each amount of each damage, as summary.json holds them."""
        return {
            curve.damage.name: {
                f"{amount:g}": float(f"{value:.6g}") for amount, value in curve.points
            }
            for curve in self.curves
        }


def make_yardstick(
    tag: str, measured: Mapping[Damage, Sequence[tuple[float, float]]]
) -> Yardstick | None:
    """Make a metric's yardstick from its values at (amount, value) of each damage.

    Curves whose values are not finite, or not worse at the end, are left out; None without any.
    """
    metric = find_metric(tag)
    if metric is None or metric.higher_is_better is None:
        return None
    sign, curves = -1 if metric.higher_is_better else 1, []
    for damage in metric.sees:
        points = tuple(sorted(measured.get(damage, ())))
        finite = all(map(math.isfinite, itertools.chain(*points)))
        if points and finite and sign * points[-1][1] > sign * points[0][1]:
            curves.append(DamageCurve(damage, points, metric.higher_is_better))
    return Yardstick(tuple(curves)) if curves else None


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
        for curve in yardstick.curves if yardstick else ():
            amount = curve.amount_at(value)
            if curve.damage == NOISE and amount is not None and amount <= _READABLE:
                return True
    return False


def read_yardstick(tag: str, plain: Any) -> Yardstick | None:
    """Read what `Yardstick.to_plain` returned for a tag; None for anything else."""
    measured = {}
    for damage in (*IMAGE_DAMAGE, *POINT_DAMAGE):
        try:
            points = plain[damage.name].items()
            measured[damage] = [(float(amount), float(value)) for amount, value in points]
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            continue
    return make_yardstick(tag, measured)
