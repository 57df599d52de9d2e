"""What the tests of images share: small data, and a network trained on it once."""

import dataclasses

import pytest
import torch

from gan_zoo.data.glyphs import Glyphs
from gan_zoo.data.samples import Samples
from gan_zoo.metrics.features import FeatureExtractor, Recipe, fit_network
from gan_zoo.metrics.tasks import task_for


@pytest.fixture(scope="session")
def glyphs() -> Glyphs:
    return Glyphs(alphabet="0127", size=16, count=1500)


@pytest.fixture(scope="session")
def train(glyphs) -> Samples:
    return glyphs.load("train")


@pytest.fixture(scope="session")
def extractor(train) -> FeatureExtractor:
    task = task_for(train)
    net = fit_network(train, task, Recipe(epochs=1, least_steps=60), torch.device("cpu"))
    return FeatureExtractor(task, net, 0.99)


@pytest.fixture(scope="session")
def unlabelled(train) -> Samples:
    return dataclasses.replace(train.unlabelled(), x=train.x[:400], y=train.unlabelled().y[:400])
