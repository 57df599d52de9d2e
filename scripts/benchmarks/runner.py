"""The runner as a benchmark sees it: what `fit.py` would train, without a folder."""

from typing import Any

from hydra import compose

from gan_zoo import launch
from gan_zoo.experiment import load_experiment


def composed(overrides: list[str]) -> Any:
    """The training that these overrides ask for, its data where it will be used."""
    return prepared(overrides)[2]


def prepared(overrides: list[str]) -> tuple[Any, Any, Any]:
    """The experiment that these overrides ask for, its samples, and its training."""
    from gan_zoo.data.placement import place_data
    from gan_zoo.run import build_trainer as composed_training
    from gan_zoo.run import load_samples

    with launch.initialize():
        experiment = load_experiment(launch.to_dict(compose("train", overrides)))
    samples = place_data(load_samples(experiment), experiment.device(), experiment.dataset)
    return experiment, samples, composed_training(experiment, samples)


def finish() -> None:
    """Wait until the device has done all that was asked of it."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
