"""The plan of a comparison as lines for the terminal and for plan.txt."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gan_zoo.compare.certainty import RealDistance, detectable_ratio
from gan_zoo.compare.plan import REPORT_SECONDS, Plan
from gan_zoo.compare.request import Request, format_duration
from gan_zoo.monitoring.console import estimate, short_duration

if TYPE_CHECKING:
    from gan_zoo.evaluation.evaluator import Evaluator

_MORE_SEEDS = 5
_MANY = 1000  # held-out images, from which on their choice hardly matters


def plan_lines(plan: Plan, request: Request, facts: Mapping[str, str]) -> dict[str, str]:
    """Return titles and texts of everything that can be said before training.

    facts: about the data, by title, which come first.
    """
    lines = {**facts, "network": _network(plan, request), "losses": _losses(plan, request)}
    each = f"{len(plan.losses)} losses, each with {plan.seeds} seeds; {plan.steps:,} steps each"
    lines["jobs"] = f"{plan.jobs}: {each}"
    budget = format_duration(request.budget)
    lines["time"] = (
        f"{estimate(plan.seconds)} (report: {REPORT_SECONDS:.0f} s), after "
        f"{short_duration(plan.spent)} of measuring; budget={budget}"
    )
    return lines


def measured_lines(
    plan: Plan, every: int, evaluator: "Evaluator", real: RealDistance | None, tag: str
) -> dict[str, str]:
    """Say what will be measured, every how many steps, and how sure the answer can be.

    tag: of the metric that losses will be compared by.
    """
    reference = evaluator.metrics.protocol["n_reference"]
    often = f"every {every:,} steps" if every < plan.steps else "at the end of each run"
    fakes = f"{evaluator.settings.num_samples:,} generated samples"
    found = {"measured": f"{tag}, {often}; {fakes} against {reference:,} real ones"}
    if accuracy := evaluator.metrics.protocol.get("feature_net_accuracy"):
        found["measured"] += f"; its network classifies {accuracy:.0%} of them correctly"
    if real is not None:
        few = "; these are few" if len(evaluator.metrics.real) < _MANY else ""
        spread = f", give or take {real.deviation:.2g}" if real.deviation else ""
        found["real images"] = (
            f"distance {real.mean:.3g}{spread} ({real.images:,} training images against "
            f"{reference:,} held-out ones{few}): smaller differences may come from the choice of "
            "images"
        )
    return {**found, "certainty": _certainty(plan.seeds)}


def _certainty(seeds: int) -> str:
    more = ""
    if seeds < _MORE_SEEDS:
        more = f"; with {_MORE_SEEDS} seeds {detectable_ratio(_MORE_SEEDS):.1f} times"
    return (
        f"a loss is called the best if it beats each other by {detectable_ratio(seeds):.1f} times "
        f"the standard deviation of their difference over seeds{more}; that deviation is unknown "
        "before the runs"
    )


def format_lines(lines: Mapping[str, str]) -> str:
    """Format titles and texts, one line each."""
    return "\n".join(f"{title:<12} {text}" for title, text in lines.items())


def _network(plan: Plan, request: Request) -> str:
    times = [f"{loss} {1000 * plan.costs.step[loss]:.3g}" for loss in plan.losses]
    text = f"{plan.network.name}; milliseconds per step: {', '.join(times)}"
    if plan.rejected:
        least = f"{request.steps or plan.rejected.useful_steps:,} steps"
        text += f"; {plan.rejected.name} would be too slow for {least} of every run"
    return text


def _losses(plan: Plan, request: Request) -> str:
    text = ", ".join(plan.losses)
    excluded = [loss for loss in request.losses if loss not in plan.losses]
    if excluded:
        text += f" (no time for {', '.join(excluded)}; losses=A,B chooses others)"
    return text
