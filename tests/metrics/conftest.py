"""Fixtures of image tests: small data, and a network trained on it once."""

import dataclasses

import pytest
import torch

from gan_zoo.data.glyphs import Glyphs
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.metrics.feature_net import (
    FeatureExtractor,
    FeatureNetConfig,
    task_for,
    train_feature_net,
)


@pytest.fixture(scope="session")
def glyphs() -> Glyphs:
    return Glyphs(alphabet="0127", size=16, count=1500)


@pytest.fixture(scope="session")
def train(glyphs) -> InMemoryDataset:
    return glyphs.load("train")


@pytest.fixture(scope="session")
def extractor(train) -> FeatureExtractor:
    task = task_for(train)
    net = train_feature_net(
        train, task, FeatureNetConfig(epochs=1, least_steps=60), torch.device("cpu")
    )
    return FeatureExtractor(task, net, 0.99)


@pytest.fixture(scope="session")
def unlabeled(train) -> InMemoryDataset:
    return dataclasses.replace(train.unlabeled(), x=train.x[:400], y=train.unlabeled().y[:400])
