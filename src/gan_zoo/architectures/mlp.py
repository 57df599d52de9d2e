"""Multilayer perceptrons, for 28 x 28 digits and for points of a mixture."""

import functools
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
    """Largest of every 5 neighbors, Goodfellow et al. 2013 (arXiv:1302.4389)."""

    pieces = 5

    def forward(self, x: Tensor) -> Tensor:
        """Values (N, 5 width) to (N, width)."""
        return x.unflatten(-1, (-1, self.pieces)).amax(-1)


_ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "maxout": Maxout,
}
_PIECES = {"maxout": Maxout.pieces}  # linear units for each unit of the layer, if not one
_INITS = {
    "glorot": nn.init.xavier_uniform_,
    "orthogonal": functools.partial(nn.init.orthogonal_, gain=1.4),
    "normal": functools.partial(nn.init.normal_, std=0.02),
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
        prior: what it is drawn from.
        hidden: units of each hidden layer.
        activation: of the hidden layers.
        norm: of the hidden layers, before the activation.
        init: weights by Glorot's rule, orthogonal with gain 1.4, or N(0, 0.02); biases zero.
        output: tanh for images in [-1, 1], linear for points.
        labels: features of the label, which join the latent vector.
        label_dim: width of the embedding.
    """
    features = label_module(labels, num_classes, label_dim)
    sizes = [z_dim + features.dim, *hidden, math.prod(shape)]
    layers = _layers(sizes, activation, norm, init)
    body = nn.Sequential(*layers, _OUTPUTS[output](), nn.Unflatten(-1, tuple(shape)))
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
        labels: a score per class, or features that join the sample.
        label_dim: width of the embedding.
        output: what the last values are made into, see `Critic`.

    Raises ConfigError for an output without its heads.
    """
    features = label_module(labels, num_classes, label_dim)
    sizes = [math.prod(shape) + features.dim, *hidden, features.heads]
    layers = nn.Sequential(*_layers(sizes, activation, norm, init))
    return Critic(ConditionalSequential(nn.Flatten(), layers), features, output)


def _layers(sizes: list[int], activation: str, norm: Norm, init: str) -> list[nn.Module]:
    """Linear layers of the given sizes, all but the last with a normalization and an activation."""
    layers: list[nn.Module] = []
    pieces = _PIECES.get(activation, 1)
    for inputs, outputs in pairwise(sizes[:-1]):
        layers += [_linear(inputs, pieces * outputs, init)]
        layers += normalization(norm, pieces * outputs, nn.BatchNorm1d)
        layers += [_ACTIVATIONS[activation]()]
    return [*layers, _linear(sizes[-2], sizes[-1], init)]


def _linear(inputs: int, outputs: int, init: str) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    _INITS[init](linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
