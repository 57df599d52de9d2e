"""Layout of TensorBoard's tab Custom Scalars: losses first, then one chart per metric."""

from collections.abc import Iterable

from tensorboard.plugins.custom_scalar.layout_pb2 import (
    Category,
    Chart,
    Layout,
    MultilineChartContent,
)

from gan_zoo.metrics.metric_info import MetricInfo, find_metric, tag_pattern

_MORE = {  # by the title of a group that is closed at first
    "score": ("score/real", "score/fake"),
    "grad_norm": ("grad_norm/critic", "grad_norm/generator"),
    "health": ("health/distance_ratio",),
}


def chart_layout(metric_tags: Iterable[str]) -> Layout:
    """Return the layout of a run that measures metrics with these tags.

    TensorBoard merges the layouts of all runs: charts of one title and pattern become one.
    """
    metrics = dict.fromkeys(filter(None, map(find_metric, metric_tags)))
    losses = [_chart(tag, f"{tag}$") for tag in ("loss/critic", "loss/generator")]
    groups = [
        Category(title="loss", chart=losses),
        Category(title="metric", chart=[_chart(_title(m), tag_pattern(m)) for m in metrics]),
    ]
    for title, tags in _MORE.items():
        charts = [_chart(tag, f"{tag}$") for tag in tags]
        groups.append(Category(title=title, chart=charts, closed=True))
    return Layout(category=groups)


def _chart(title: str, pattern: str) -> Chart:
    """Return a chart of the tags that begin with a match of a pattern."""
    return Chart(title=title, multiline=MultilineChartContent(tag=[pattern]))


def _title(metric: MetricInfo) -> str:
    if metric.higher_is_better is None:
        return metric.name
    return f"{metric.name}, {'higher' if metric.higher_is_better else 'lower'} is better"
