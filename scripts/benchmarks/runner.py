"""Build trainers for benchmarks as train.py would, without a run folder."""

import os
from pathlib import Path
from typing import Any

from hydra import compose

from gan_zoo import launch
from gan_zoo.experiment import load_experiment

TRAIN = Path(__file__).parents[2] / "train.py"


def environment() -> dict[str, str]:
    """Return the variables for commands that users would type."""
    # the benchmark's own launch sets this one
    return {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"}


def composed(overrides: list[str]) -> Any:
    """Return the trainer for these overrides, with its data on the device."""
    return prepared(overrides)[2]


def prepared(overrides: list[str]) -> tuple[Any, Any, Any]:
    """Return the experiment for these overrides, its samples and its trainer."""
    from gan_zoo.build_trainer import build_trainer, load_samples
    from gan_zoo.data.placement import place_data

    with launch.initialize():
        experiment = load_experiment(launch.to_dict(compose("train", overrides)))
    samples = place_data(load_samples(experiment), experiment.device(), experiment.dataset)
    return experiment, samples, build_trainer(experiment, samples)


def finish() -> None:
    """Wait until the device has finished all work."""
    import torch

    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
