"""Check the corners of a search's space before its first trial, and choose what it minimizes."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gan_zoo import launch
from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.schema import ConfigError
from gan_zoo.tuning.space import Space

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment


def check_corners(space: Space) -> "Experiment":
    """Check every corner as a sweep checks its jobs; returns the experiment of the first one.

    Raises ConfigError, which names the corner, for the first that cannot be trained.
    """
    corners = space.corners()
    configs = []
    for values in corners:
        with _naming(space, values):
            config, _ = launch.compose_run(space.overrides(values))
            configs.append(launch.to_dict(config))
    from gan_zoo.compatibility import check_compatibility  # imports torch
    from gan_zoo.experiment import load_experiment

    experiments = []
    for values, config in zip(corners, configs, strict=True):
        with _naming(space, values):
            experiments.append(load_experiment(config))
            check_compatibility(experiments[-1])
    return experiments[0]


@contextmanager
def _naming(space: Space, values: Mapping[str, Any]) -> Iterator[None]:
    """Add the corner to a ConfigError in this block."""
    try:
        yield
    except ConfigError as error:
        allowed = f"{error.allowed} (in the corner {' '.join(space.own_words(values))})"
        raise ConfigError(error.key, error.value, allowed) from None


def objective_tag(experiment: "Experiment", metric: str | None) -> str:
    """Return the tag that a search optimizes: the given metric, or the one that selects best.pt.

    Without a dataset's suffix where that depends on the data. metric: with or without its
    `metric/`. Raises ConfigError for one that runs will not have, or where they are not evaluated.
    """
    from gan_zoo.evaluation.requirements import check_names  # imports torch

    settings, dataset = experiment.settings, experiment.dataset
    if not settings.evaluate_every or not dataset.has_test():
        allowed = "a search needs evaluations: set it above 0, and use a dataset with test samples"
        raise ConfigError("evaluate_every", settings.evaluate_every, allowed)
    evaluation = settings.evaluation
    if metric:
        evaluation = dataclasses.replace(evaluation, monitor=metric)
    try:
        tag = check_names(experiment, evaluation)
    except ConfigError as error:
        raise ConfigError("--metric", metric, error.allowed) if metric else error from None
    if tag is None:
        allowed = "none of these metrics ranks runs; add --metric NAME or another group"
        raise ConfigError("evaluation.metrics", ",".join(evaluation.metrics), allowed)
    known = find_metric(tag)
    # only the loaded data know the suffix
    return known.tag() if known and dataset.spec().num_classes is None else tag
