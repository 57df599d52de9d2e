"""The metric by which a comparison will rank losses, known before anything is measured."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gan_zoo.report.metric_choice import Metric, choose_metric
from gan_zoo.schema import ConfigError

if TYPE_CHECKING:
    from gan_zoo.evaluation.evaluator import Evaluator

_CLASSIFIES = "architecture.critic.output=log_softmax"  # of all losses, only where it is given


def compared_metric(evaluator: "Evaluator", given: Sequence[str]) -> Metric:
    """Return the metric that the report will choose.

    given: overrides of the user. Raises ConfigError if none of the metrics has a direction.
    """
    metric = choose_metric(None, None, [{*evaluator.tags(_CLASSIFIES in given)}])
    if metric is None:
        asked = evaluator.settings.metrics
        groups: dict[str, list[str]] = {}
        for name, reason in evaluator.metrics.available.skipped(asked).items():
            groups.setdefault(reason, []).append(name)
        why = [f"{', '.join(names)}: {reason}" for reason, names in groups.items()]
        why = why or ["of none is lower or higher better; add another group, such as fast"]
        allowed = f"there is nothing to compare losses by: {'; '.join(why)}"
        raise ConfigError("evaluation.metrics", ",".join(asked), allowed)
    return metric
