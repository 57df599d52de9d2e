"""Multilayer perceptrons, for 28 x 28 digits and for points of a mixture."""

import math
from itertools import pairwise
from typing import Literal

from torch import nn

from gan_zoo.architectures.players import Critic, Generator, Prior, label_features
from gan_zoo.schema import CountInt, PositiveInt

Activation = Literal["relu", "leaky_relu", "tanh", "elu"]
_ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "elu": nn.ELU,
}
_OUTPUTS = {"tanh": nn.Tanh, "linear": nn.Identity}


def generator(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    z_dim: PositiveInt = 20,
    prior: Prior = "uniform",
    hidden: tuple[PositiveInt, ...] = (1024,),
    activation: Activation = "relu",
    output: Literal["tanh", "linear"] = "tanh",
    label_dim: CountInt = 32,
) -> Generator:
    """Latent vector -> hidden layers -> samples of `shape`, with Glorot's initial weights."""
    sizes = [z_dim + label_features(num_classes, label_dim), *hidden, math.prod(shape)]
    layers = [*_layers(sizes, activation), _OUTPUTS[output](), nn.Unflatten(-1, tuple(shape))]
    return Generator(nn.Sequential(*layers), z_dim, prior, num_classes, label_dim)


def critic(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    hidden: tuple[PositiveInt, ...] = (256, 128),
    activation: Activation = "relu",
) -> Critic:
    """Samples of `shape` -> hidden layers -> one raw score per class."""
    sizes = [math.prod(shape), *hidden, num_classes]
    return Critic(nn.Sequential(nn.Flatten(), *_layers(sizes, activation)))


def _layers(sizes: list[int], activation: str) -> list[nn.Module]:
    """Linear layers of the given sizes with activations between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        linear = nn.Linear(inputs, outputs)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, _ACTIVATIONS[activation]()]
    return layers[:-1]
