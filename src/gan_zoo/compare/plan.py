"""The plan of a comparison: the largest network, and the most runs, that a time budget pays."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from gan_zoo.compare.request import MAX_SEEDS, Request, format_duration
from gan_zoo.schema import ConfigError

MAX_STEPS = 15_000  # more time is better spent on a larger network, or on more seeds
RESERVE = 0.1  # share of the time left free: speed varies, and runs also log and save
REPORT_SECONDS = 15.0
_EVALUATIONS = 5  # of each run, for a learning curve
_EVALUATION_SHARE = 0.2  # of the time at most; otherwise a run is evaluated at its end only
_MEASURING_SHARE = 0.1  # of the budget, after which no other network is measured
_FEWEST_LOSSES, _FEWEST_SEEDS = 2, 2
_STEP_UNIT = 50  # steps are a multiple of it, and of the number of evaluations


@dataclasses.dataclass(frozen=True)
class Network:
    """Networks that may be trained.

    Attributes:
        name: for the plan, such as "dcgan, width 16, 32x32 pixels".
        words: overrides that select it.
        useful_steps: steps before which its samples tell little about the loss.
    """

    name: str
    words: tuple[str, ...]
    useful_steps: int


@dataclasses.dataclass(frozen=True)
class Costs:
    """Measured seconds.

    Attributes:
        step: of one generator update with its critic updates, by loss.
        evaluation: of one evaluation.
        start: of the rest of a run: its networks, its files.
    """

    step: Mapping[str, float]
    evaluation: float
    start: float


@dataclasses.dataclass(frozen=True)
class Plan:
    """Runs of equal length: each loss with each seed.

    Attributes:
        evaluations: of each run.
        spent: seconds that planning took.
        rejected: the next larger network, which is too slow.
    """

    network: Network
    costs: Costs
    losses: tuple[str, ...]
    seeds: int
    steps: int
    evaluations: int
    spent: float
    rejected: Network | None = None

    @property
    def jobs(self) -> int:
        """Number of runs."""
        return len(self.losses) * self.seeds

    @property
    def seconds(self) -> float:
        """Expected seconds of training and of the report."""
        return (
            _runs_seconds(self.costs, self.losses, self.seeds, self.steps, self.evaluations)
            + REPORT_SECONDS
        )

    @property
    def evaluate_every(self) -> int:
        """Steps between pictures, and between evaluations unless these are given."""
        return self.steps // min(self.evaluations, _EVALUATIONS)


def make_plan(
    networks: Sequence[Network],
    request: Request,
    measure: Callable[[Network], Costs],
    elapsed: Callable[[], float],
) -> Plan:
    """Choose the largest network of which every run gets its useful steps in the budget.

    Losses, and then seeds, are left out only if that does not hold for the smallest network.

    Args:
        networks: small ones first; larger ones are not measured once one is too slow, or once
            measuring has taken a tenth of the budget.
        request: what was asked for.
        measure: measures a network with all losses.
        elapsed: seconds since the program started.

    Raises ConfigError for a hopeless budget, with the smallest sensible one.
    """
    chosen = measured = (networks[0], measure(networks[0]))
    for network in networks[1:]:
        long = elapsed() > _MEASURING_SHARE * request.budget
        if long or not _fits_all(*measured, request, elapsed()):
            break
        chosen, measured = measured, (network, measure(network))
    if _fits_all(*measured, request, elapsed()):
        chosen = measured
    rejected = measured[0] if measured is not chosen else None
    plan = _largest(*chosen, request, elapsed())
    if plan is None:
        raise _hopeless(*chosen, request, elapsed())
    return dataclasses.replace(_with_more_seeds(plan, request), rejected=rejected)


def _fits_all(network: Network, costs: Costs, request: Request, spent: float) -> bool:
    """Return whether all losses and seeds get the useful steps of a network."""
    least = _least_steps(network, request)
    steps, _ = _fit(request, costs, request.losses, request.seeds, spent, least)
    return steps >= least


def _least_steps(network: Network, request: Request) -> int:
    return request.steps or network.useful_steps


def _runs_seconds(
    costs: Costs, losses: Sequence[str], seeds: int, steps: int, evaluations: int
) -> float:
    per_run = costs.start + evaluations * costs.evaluation
    return seeds * sum(steps * costs.step[loss] + per_run for loss in losses)


def _fit(
    request: Request, costs: Costs, losses: Sequence[str], seeds: int, spent: float, least: int
) -> tuple[int, int]:
    """Return the steps of each run that the budget pays, and the evaluations; 0: none.

    There is one evaluation where more would take too much of the time, or some of the least steps.
    """
    budget = (1 - RESERVE) * (request.budget - spent) - REPORT_SECONDS
    if request.evaluate_every is not None:
        return _fit_given_evaluations(request, costs, losses, seeds, budget)
    if _EVALUATIONS * costs.evaluation * len(losses) * seeds <= _EVALUATION_SHARE * budget:
        steps = _steps(request, costs, losses, seeds, budget, _EVALUATIONS)
        if steps >= least:
            return steps, _EVALUATIONS if steps % _EVALUATIONS == 0 else 1
    return _steps(request, costs, losses, seeds, budget, 1), 1


def _steps(
    request: Request,
    costs: Costs,
    losses: Sequence[str],
    seeds: int,
    budget: float,
    evaluations: int,
) -> int:
    """Return the steps of each run that a budget pays, given its evaluations; 0: none."""
    left = budget - _runs_seconds(costs, losses, seeds, 0, evaluations)
    steps = math.floor(left / seeds / sum(costs.step[loss] for loss in losses))
    return _usable(request, max(0, steps))


def _usable(request: Request, steps: int) -> int:
    """Return the steps that runs make where so many are paid: those that were named, or none."""
    if request.steps is not None:
        return request.steps if steps >= request.steps else 0
    return min(MAX_STEPS, steps - steps % _STEP_UNIT)


def _fit_given_evaluations(
    request: Request, costs: Costs, losses: Sequence[str], seeds: int, budget: float
) -> tuple[int, int]:
    """Return the steps of each run that a budget pays, and the evaluations that they bring."""
    every = request.evaluate_every
    assert every is not None
    left = budget - _runs_seconds(costs, losses, seeds, 0, 0)
    step = seeds * sum(costs.step[loss] for loss in losses)
    evaluation = seeds * len(losses) * costs.evaluation
    rounds, rest = divmod(max(0.0, left), every * step + evaluation)
    # the last round may be shorter: a run is also evaluated at its end
    paid = int(rounds) * every + max(0, math.floor((rest - evaluation) / step))
    steps = _usable(request, paid)
    return steps, _evaluations(steps, every)


def _evaluations(steps: int, every: int | None) -> int:
    """Return the fewest evaluations of a run: one at its end, and those that are given."""
    return max(1, math.ceil(steps / (every or math.inf)))


def _with_more_seeds(plan: Plan, request: Request) -> Plan:
    """Use time that longer runs would waste for more seeds, unless their number was named."""
    if request.fixed_seeds or plan.losses != request.losses:
        return plan
    if plan.steps < (request.steps or MAX_STEPS):
        return plan
    for seeds in range(MAX_SEEDS, plan.seeds, -1):
        steps, evaluations = _fit(request, plan.costs, plan.losses, seeds, plan.spent, plan.steps)
        if steps >= plan.steps:
            return dataclasses.replace(plan, seeds=seeds, evaluations=evaluations)
    return plan


def _reductions(request: Request) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield losses and numbers of seeds, from all to the fewest: fewer losses come first."""
    losses, seeds = request.losses, request.seeds
    fewest = len(losses) if request.fixed_losses else _FEWEST_LOSSES
    for count in range(len(losses), fewest - 1, -1):
        yield losses[:count], seeds
    if not request.fixed_seeds:
        for count in range(seeds - 1, _FEWEST_SEEDS - 1, -1):
            yield losses[:fewest], count


def _largest(network: Network, costs: Costs, request: Request, spent: float) -> Plan | None:
    """Plan as many losses and seeds as fit; None if the fewest do not."""
    least = _least_steps(network, request)
    for losses, seeds in _reductions(request):
        steps, evaluations = _fit(request, costs, losses, seeds, spent, least)
        if steps >= least:
            return Plan(network, costs, losses, seeds, steps, evaluations, spent)
    return None


def _hopeless(network: Network, costs: Costs, request: Request, spent: float) -> ConfigError:
    *_, (losses, seeds) = _reductions(request)
    steps = _least_steps(network, request)
    evaluations = _evaluations(steps, request.evaluate_every)
    needed = _runs_seconds(costs, losses, seeds, steps, evaluations)
    minutes = math.ceil((spent + (needed + REPORT_SECONDS) / (1 - RESERVE)) / 60) + 1
    runs = f"{len(losses) * seeds} runs of {steps:,} steps ({', '.join(losses)}; {network.name})"
    allowed = f"is too short on this machine: {runs} take {needed / 60:.1f} min and need"
    return ConfigError(
        "budget", format_duration(request.budget), f"{allowed} budget={minutes}m or more"
    )
