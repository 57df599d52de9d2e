"""Detect divergence, collapse and saturation from logged values; one line of status."""

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from gan_zoo.metrics.yardstick import Yardstick, is_readable

log = logging.getLogger(__name__)

HEALTHY = "healthy"
_PATIENCE = 5  # consecutive readings before a condition counts
_DIVERGED = 1e8  # larger scores and losses do not recover
_EXPLODING = 1e4  # relative to the first reading
_SATURATED = 0.02  # relative to the critic's loss if all scores were 0
_VANISHED = 1e-4  # relative to the largest gradient so far
_COLLAPSED_DISTANCE = 0.1  # relative to the real samples' mean distance
_COLLAPSED_SHARE = 0.9  # of all samples in one mode or class, or with a near duplicate
_LEAST_QUALITY = {"metric/precision": 0.01, "metric/high_quality": 0.05}
_REALISTIC = 0.5  # share of samples; below it, the share of one class shows no collapse
EVALUATED = ("one_mode", "unlearned")  # conditions of evaluations; all others are of logged metrics


def low_quality(
    values: Mapping[str, float], find_yardstick: Callable[[str], Yardstick | None]
) -> dict[str, float]:
    """Return the metrics by which nothing was learned: hardly any sample looks real.

    find_yardstick: what values of a tag mean; images that it finds readable are not low.
    """
    low = {
        name: value
        for name, value in values.items()
        if any(name.startswith(tag) and value < least for tag, least in _LEAST_QUALITY.items())
    }
    return {} if low and is_readable(values, find_yardstick) else low


def in_one_class(values: Mapping[str, float], real_share: float = 0.0) -> bool:
    """Return whether nearly all samples are of one mode or class.

    real_share: of the real samples in their largest mode or class.
    """
    most = max(_COLLAPSED_SHARE, (1 + real_share) / 2)
    return any(share > most for share in _largest_shares(values))


def look_real(values: Mapping[str, float]) -> bool:
    """Return whether most samples look real, as far as metrics tell."""
    return max(_quality(values), default=math.inf) > _REALISTIC


def _largest_shares(values: Mapping[str, float]) -> list[float]:
    return [value for name, value in values.items() if "/largest_share" in name]


def _quality(values: Mapping[str, float]) -> list[float]:
    return [value for name, value in values.items() if name.startswith(tuple(_LEAST_QUALITY))]


class DivergedError(ArithmeticError):
    """A value that training cannot recover from, with its name."""

    def __init__(self, name: str, value: float):
        super().__init__(name, value)
        self.name, self.value = name, value

    def __str__(self) -> str:
        return f"{self.name} is {self.value:.3g}"


@dataclasses.dataclass
class Condition:
    """A problem that counts once it lasts.

    Attributes:
        message: names the problem, before the step.
        patience: consecutive readings until it counts.
        latest: whether the step is the last one of the problem instead of the first.
        step: of the problem; None while there is none.
        count: consecutive readings so far.
        logged: whether a warning was logged.
    """

    message: str
    patience: int = _PATIENCE
    latest: bool = False
    step: int | None = None
    count: int = 0
    logged: bool = False

    def observe(self, step: int, present: bool) -> None:
        """Count one more reading; a single good one resets the count."""
        if not present:
            self.step, self.count = None, 0
            return
        self.step = step if self.step is None or self.latest else self.step
        self.count += 1

    @property
    def lasts(self) -> bool:
        """Whether it has lasted long enough to count."""
        return self.count >= self.patience

    def __str__(self) -> str:
        return f"{self.message} {self.step}"

    def state_dict(self) -> dict[str, Any]:
        """Return what observations have changed, as plain values."""
        return {"step": self.step, "count": self.count, "logged": self.logged}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load a `state_dict`."""
        self.step = None if state["step"] is None else int(state["step"])
        self.count, self.logged = int(state["count"]), bool(state["logged"])


class Health:
    """The health of a run, from its logged values; reads nothing from the device.

    Checks loss/*, score/*, penalty/* and grad_norm/* (one that is not finite, or above 1e8, ends
    the run), health/distance_ratio, health/duplicates, and metrics of quality and collapse.

    Args:
        zero_score_loss: the critic's loss if all scores were 0; None, or not above 0, where the
            loss has no such scale.
    """

    def __init__(self, zero_score_loss: float | None = None):
        self.zero_score_loss = zero_score_loss
        self.diverged = ""
        self.first_scores: dict[str, float] = {}
        self.largest_gradient = 0.0
        # the worst first
        self.conditions = {
            "collapse": Condition("collapsed at step"),
            # evaluations are rare and use many samples: one is enough
            "one_mode": Condition("collapsed at step", patience=1),
            "unlearned": Condition(
                "nothing learned (hardly any sample looks real) by step", patience=1, latest=True
            ),
            "explosion": Condition("scores exploding since step"),
            "saturation": Condition("critic saturated since step"),
        }

    @property
    def status(self) -> str:
        """One line: healthy, or the worst problem and its step."""
        lasting = [str(s) for s in self.conditions.values() if s.lasts]
        return self.diverged or next(iter(lasting), HEALTHY)

    def read(self, step: int, values: Mapping[str, float]) -> None:
        """Check logged values. Raises DivergedError for a value past recovery."""
        for name, value in values.items():
            checked = name.partition("/")[0] in ("loss", "score", "penalty", "grad_norm")
            if checked and not abs(value) <= _DIVERGED:
                raise self.diverge(step, DivergedError(name, value))
        self._observe(step, "explosion", self._explodes(values))
        self._observe(step, "saturation", self._saturates(values))
        if "health/distance_ratio" in values:
            close = values["health/distance_ratio"] < _COLLAPSED_DISTANCE
            duplicates = values.get("health/duplicates", 0) > _COLLAPSED_SHARE
            self._observe(step, "collapse", close or duplicates)

    def read_metrics(
        self,
        step: int,
        values: Mapping[str, float],
        yardsticks: Mapping[str, Yardstick] | None = None,
        real_share: float = 0.0,
    ) -> None:
        """Check the metrics of an evaluation: quality, and collapse onto one mode or class.

        Collapse counts only for realistic samples: a classifier often predicts one class for all
        the noise of an untrained generator. Precision may be 0 for images that are easy to read;
        yardsticks: what values mean, by tag, to recognize those.
        real_share: of the real samples in the largest mode or class, whose samples may be as many.
        """
        one, realistic = in_one_class(values, real_share), look_real(values)
        if _quality(values):
            low = bool(low_quality(values, (yardsticks or {}).get))
            # one class of unrealistic samples is no health either
            self._observe(step, "unlearned", low or (one and not realistic))
        if _largest_shares(values):
            self._observe(step, "one_mode", one and realistic)

    def diverge(self, step: int, reason: DivergedError) -> DivergedError:
        """Record why the run ends, and return the error for raising."""
        self.diverged = f"diverged at step {step} ({reason})"
        return reason

    def _observe(self, step: int, name: str, present: bool) -> None:
        condition = self.conditions[name]
        condition.observe(step, present)
        if condition.lasts and not condition.logged:
            condition.logged = True
            log.warning("health: %s", condition)

    def state_dict(self) -> dict[str, Any]:
        """Return what readings have changed, as plain values; a divergence ends the run."""
        conditions = {name: c.state_dict() for name, c in self.conditions.items()}
        kept = {"first_scores": self.first_scores, "largest_gradient": self.largest_gradient}
        return {**kept, **conditions}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load a `state_dict`."""
        self.first_scores = {str(k): float(v) for k, v in state["first_scores"].items()}
        self.largest_gradient = float(state["largest_gradient"])
        for name, condition in self.conditions.items():
            condition.load_state_dict(state[name])

    def _explodes(self, values: Mapping[str, float]) -> bool:
        scores = {name: abs(value) for name, value in values.items() if name.startswith("score/")}
        self.first_scores = self.first_scores or scores
        return any(size > _EXPLODING * (self.first_scores[n] + 1) for n, size in scores.items())

    def _saturates(self, values: Mapping[str, float]) -> bool:
        """Return whether the critic's loss, or the generator's gradient, has vanished."""
        gradient = values.get("grad_norm/generator", math.inf)
        if math.isfinite(gradient):
            self.largest_gradient = max(self.largest_gradient, gradient)
        vanished = gradient <= _VANISHED * self.largest_gradient  # true if it was always 0
        loss, scale = values.get("loss/critic", math.inf), self.zero_score_loss or 0.0
        return vanished or (scale > 0 and 0 <= loss < _SATURATED * scale)
