"""Is a run sick? A watch over values that were read anyway, and one verdict in a line."""

import dataclasses
import logging
import math
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)

HEALTHY = "healthy"
_PATIENCE = 5  # readings in a row before a symptom counts
_NO_LONGER_A_NUMBER = 1e8  # scores and losses beyond it do not come back
_EXPLODING = 1e4  # times the first reading
_SATURATED = 0.02  # of the loss of an indifferent critic
_VANISHED = 1e-4  # of the largest gradient so far
_NARROW = 0.1  # of the real samples' mean distance
_SHARE = 0.9  # of all samples, in one mode, in one class, or with a double
LEAST_QUALITY = {"metric/precision": 0.01, "metric/high_quality": 0.05}  # nothing learned if below
_LOOKS_REAL = 0.5  # of the samples
EVALUATED = ("one mode", "nothing")  # conditions of evaluations; all others are of logged metrics


class DivergedError(ArithmeticError):
    """A value that training cannot come back from: its name and what it was."""

    def __init__(self, name: str, value: float):
        super().__init__(name, value)
        self.name, self.value = name, value

    def __str__(self) -> str:
        return f"{self.name} is {self.value:.3g}"


@dataclasses.dataclass
class Condition:
    """Something that is wrong if it lasts: since when, and whether a warning was logged.

    latest: whether the step to name is the last one at which it was seen, not the first.
    """

    words: str
    patience: int = _PATIENCE
    latest: bool = False
    since: int | None = None
    readings: int = 0
    warned: bool = False

    def observe(self, step: int, present: bool) -> None:
        """One more reading; a single good one ends the symptom."""
        if not present:
            self.since, self.readings = None, 0
            return
        self.since = step if self.since is None or self.latest else self.since
        self.readings += 1

    @property
    def lasts(self) -> bool:
        """Whether it has lasted long enough to count."""
        return self.readings >= self.patience

    def __str__(self) -> str:
        return f"{self.words} {self.since}"

    def state_dict(self) -> dict[str, Any]:
        """Return what observations have changed, as plain values."""
        return {"since": self.since, "readings": self.readings, "warned": self.warned}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load a `state_dict`."""
        self.since = None if state["since"] is None else int(state["since"])
        self.readings, self.warned = int(state["readings"]), bool(state["warned"])


class Health:
    """Watches the values of a run at each reading.

    Reads nothing from the device itself. What it knows how to judge: loss/*, score/*, penalty/*
    and grad_norm/* (any that is not finite, or beyond 1e8, ends the run), health/distance_ratio and
    health/duplicates, metric/largest_share*.

    Args:
        indifferent: the critic's loss if it scored all samples alike; None, or not above 0, where
            the loss has no such scale.
    """

    def __init__(self, indifferent: float | None = None):
        self.indifferent = indifferent
        self.diverged = ""
        self.first: dict[str, float] = {}
        self.largest_gradient = 0.0
        # what is worst comes first
        self.conditions = {
            "collapse": Condition("collapsed at step"),
            # evaluations are rare and see many samples: one is enough
            "one mode": Condition("collapsed at step", patience=1),
            "nothing": Condition(
                "nothing learned (hardly any sample looks real) by step", patience=1, latest=True
            ),
            "explosion": Condition("scores exploding since step"),
            "saturation": Condition("critic saturated since step"),
        }

    @property
    def status(self) -> str:
        """One line: healthy, or what is wrong and since when."""
        lasting = [str(s) for s in self.conditions.values() if s.lasts]
        return self.diverged or next(iter(lasting), HEALTHY)

    def read(self, step: int, values: Mapping[str, float]) -> None:
        """Look at the values of one reading. Raises DivergedError for a value past recovery."""
        for name, value in values.items():
            watched = name.partition("/")[0] in ("loss", "score", "penalty", "grad_norm")
            if watched and not abs(value) <= _NO_LONGER_A_NUMBER:
                raise self.diverge(step, DivergedError(name, value))
        self._observe(step, "explosion", self._explodes(values))
        self._observe(step, "saturation", self._saturates(values))
        if "health/distance_ratio" in values:
            narrow = values["health/distance_ratio"] < _NARROW
            self._observe(step, "collapse", narrow or values.get("health/duplicates", 0) > _SHARE)

    def read_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Look at the numbers of an evaluation: do samples look real, are all in one mode or class?

        The latter only of samples that look real: what a classifier says of an untrained
        generator's noise, often one class throughout, is no sign of collapse.
        """
        shares = [value for name, value in values.items() if "/largest_share" in name]
        quality = [value for name, value in values.items() if name.startswith(tuple(LEAST_QUALITY))]
        if quality:
            low = (self._is_low(name, value) for name, value in values.items())
            self._observe(step, "nothing", any(low))
        if shares:
            real = not quality or max(quality) > _LOOKS_REAL
            self._observe(step, "one mode", max(shares) > _SHARE and real)

    @staticmethod
    def _is_low(name: str, value: float) -> bool:
        return any(name.startswith(tag) and value < least for tag, least in LEAST_QUALITY.items())

    def diverge(self, step: int, reason: DivergedError) -> DivergedError:
        """Note that the run has ended for this reason, which is returned for raising."""
        self.diverged = f"diverged at step {step} ({reason})"
        return reason

    def _observe(self, step: int, name: str, present: bool) -> None:
        condition = self.conditions[name]
        condition.observe(step, present)
        if condition.lasts and not condition.warned:
            condition.warned = True
            log.warning("health: %s", condition)

    def state_dict(self) -> dict[str, Any]:
        """Return what readings have changed, as plain values; a divergence ends the run."""
        conditions = {name: c.state_dict() for name, c in self.conditions.items()}
        return {"first": self.first, "largest_gradient": self.largest_gradient, **conditions}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load a `state_dict`."""
        self.first = {str(name): float(value) for name, value in state["first"].items()}
        self.largest_gradient = float(state["largest_gradient"])
        for name, condition in self.conditions.items():
            condition.load_state_dict(state[name])

    def _explodes(self, values: Mapping[str, float]) -> bool:
        scores = {name: abs(value) for name, value in values.items() if name.startswith("score/")}
        self.first = self.first or scores
        return any(size > _EXPLODING * (self.first[n] + 1) for n, size in scores.items())

    def _saturates(self, values: Mapping[str, float]) -> bool:
        """The critic has nothing left to learn, or the generator nothing to learn from."""
        gradient = values.get("grad_norm/generator", math.inf)
        if math.isfinite(gradient):
            self.largest_gradient = max(self.largest_gradient, gradient)
        vanished = gradient <= _VANISHED * self.largest_gradient  # both 0 where it never had one
        loss, scale = values.get("loss/critic", math.inf), self.indifferent or 0.0
        return vanished or (scale > 0 and 0 <= loss < _SATURATED * scale)
