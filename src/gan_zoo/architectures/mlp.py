"""Multilayer perceptrons, for 28 x 28 digits and for points of a mixture."""

import math
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from gan_zoo.architectures.labels import ConditionalSequential, Features, Labels, label_module
from gan_zoo.architectures.layers import Norm, normalization
from gan_zoo.architectures.networks import Critic, Generator, Output, Prior
from gan_zoo.schema import PositiveInt

Activation = Literal["relu", "leaky_relu", "tanh", "elu", "maxout"]
Init = Literal["glorot", "orthogonal", "normal"]


class Maxout(nn.Module):
    """Maximum over groups of 5 units, Goodfellow et al. 2013 (arXiv:1302.4389)."""

    pieces = 5

    def forward(self, x: Tensor) -> Tensor:
        """Map values (N, 5 width) to (N, width)."""
        return x.unflatten(-1, (-1, self.pieces)).amax(-1)


def generator(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    z_dim: PositiveInt = 20,
    prior: Prior = "uniform",
    hidden: tuple[PositiveInt, ...] = (1024,),
    activation: Activation = "relu",
    norm: Norm = "none",
    init: Init = "glorot",
    output: Literal["tanh", "linear"] = "tanh",
    labels: Features = "embedding",
    label_dim: PositiveInt = 32,
) -> Generator:
    """Latent vector -> hidden layers -> samples of `shape`.

    Args:
        shape: of a sample.
        num_classes: labels lie in [0, num_classes).
        z_dim: length of the latent vector.
        prior: its distribution.
        hidden: units of each hidden layer.
        activation: of the hidden layers.
        norm: of the hidden layers, before the activation.
        init: Glorot weights, orthogonal ones with gain 1.4, or N(0, 0.02); biases zero.
        output: tanh for images in [-1, 1], linear for points.
        labels: features of the label, concatenated to the latent vector.
        label_dim: width of the embedding.
    """
    features = label_module(labels, num_classes, label_dim)
    sizes = [z_dim + features.dim, *hidden, math.prod(shape)]
    layers = _layers(sizes, activation, norm, init)
    last = nn.Tanh() if output == "tanh" else nn.Identity()
    body = nn.Sequential(*layers, last, nn.Unflatten(-1, tuple(shape)))
    return Generator(body, z_dim, prior, features)


def critic(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    hidden: tuple[PositiveInt, ...] = (256, 128),
    activation: Activation = "relu",
    norm: Norm = "none",
    init: Init = "glorot",
    labels: Labels = "heads",
    label_dim: PositiveInt = 32,
    output: Output = "linear",
) -> Critic:
    """Samples of `shape` -> hidden layers -> scores.

    Args:
        shape: of a sample.
        num_classes: labels lie in [0, num_classes).
        hidden: units of each hidden layer.
        activation: of the hidden layers.
        norm: of the hidden layers, before the activation.
        init: as in the generator.
        labels: a score per class, or features concatenated to the sample.
        label_dim: width of the embedding.
        output: activation of the last layer, see `Critic`.

    Raises ConfigError for an output without its heads.
    """
    features = label_module(labels, num_classes, label_dim)
    sizes = [math.prod(shape) + features.dim, *hidden, features.heads]
    layers = nn.Sequential(*_layers(sizes, activation, norm, init))
    return Critic(ConditionalSequential(nn.Flatten(), layers), features, output)


def _layers(sizes: list[int], activation: Activation, norm: Norm, init: Init) -> list[nn.Module]:
    """Return linear layers of these sizes, all but the last normalized and activated."""
    layers: list[nn.Module] = []
    pieces = Maxout.pieces if activation == "maxout" else 1  # linear units per unit
    for inputs, outputs in pairwise(sizes[:-1]):
        layers += [_linear(inputs, pieces * outputs, init)]
        layers += normalization(norm, pieces * outputs, nn.BatchNorm1d)
        layers += [_activation(activation)]
    return [*layers, _linear(sizes[-2], sizes[-1], init)]


def _activation(name: Activation) -> nn.Module:
    match name:
        case "relu":
            return nn.ReLU()
        case "leaky_relu":
            return nn.LeakyReLU(0.2)
        case "tanh":
            return nn.Tanh()
        case "elu":
            return nn.ELU()
        case "maxout":
            return Maxout()


def _linear(inputs: int, outputs: int, init: Init) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    match init:
        case "glorot":
            nn.init.xavier_uniform_(linear.weight)
        case "orthogonal":
            nn.init.orthogonal_(linear.weight, gain=1.4)
        case "normal":
            nn.init.normal_(linear.weight, std=0.02)
    nn.init.zeros_(linear.bias)
    return linear
