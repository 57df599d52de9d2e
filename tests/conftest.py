"""What several tests share: composed configurations, and training in a folder of the test's own."""

import os
from pathlib import Path

import pytest
import torch
from hydra import compose

from gan_zoo import launch
from gan_zoo.experiment import load_experiment
from gan_zoo.metrics import feature_net
from gan_zoo.metrics.feature_net import FeatureNetConfig
from gan_zoo.run import train

# Each worker of pytest-xdist has a core: more threads than cores slow each other down tenfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def composed():
    """A function from overrides to the plain configuration that train.py would be given."""

    def compose_plain(*overrides: str) -> dict:
        with launch.initialize():
            return launch.to_dict(compose("train", list(overrides)))

    return compose_plain


@pytest.fixture(scope="session")
def trained(composed):
    """A function that trains in a folder, as train.py would, and returns the summary.

    Without evaluations, which train a feature network, unless the overrides ask for them.
    """

    def train_in(folder: Path, *overrides: str) -> dict:
        return train(load_experiment(composed("evaluate_every=0", *overrides)), folder)

    return train_in


@pytest.fixture
def brief(monkeypatch):
    """Feature networks trained for a moment only, where how well they see does not matter."""
    monkeypatch.setattr(
        feature_net,
        "FeatureNetConfig",
        lambda: FeatureNetConfig(epochs=1, least_steps=4, batch_size=32),
    )
