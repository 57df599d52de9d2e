"""The residual networks of spectral normalization, Miyato et al. 2018 (arXiv:1802.05957, table 4).

At 3 x 32 x 32 with one class these have 4,276,739 and 1,053,825 parameters. Other sizes have more
or fewer blocks: the generator's first map is 4 to 7 pixels wide, the critic's last 5 to 8.
"""

import math

from torch import Tensor, nn

from gan_zoo.architectures.labels import ClassHeads, ConditionalSequential, Features, label_module
from gan_zoo.architectures.layers import Norm, normalization, num_upsamplings
from gan_zoo.architectures.networks import Critic, Generator, Output, Prior
from gan_zoo.schema import PositiveInt


class ResidualBlock(nn.Module):
    """Sum of a residual and a shortcut."""

    def __init__(self, residual: nn.Module, shortcut: nn.Module):
        super().__init__()
        self.residual, self.shortcut = residual, shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map maps (N, C, H, W) to maps of another size."""
        return self.residual(x) + self.shortcut(x)


class SumPool(nn.Module):
    """Global sum pooling."""

    def forward(self, x: Tensor) -> Tensor:
        """Map maps (N, C, H, W) to their sums (N, C)."""
        return x.sum((-2, -1))


def generator(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    z_dim: PositiveInt = 128,
    prior: Prior = "normal",
    width: PositiveInt = 256,
    norm: Norm = "batch",
    labels: Features = "embedding",
    label_dim: PositiveInt = 32,
) -> Generator:
    """Latent vector -> dense -> smallest map -> doubled by residual blocks -> image.

    Args:
        shape: of an image, (C, H, W).
        num_classes: labels lie in [0, num_classes).
        z_dim: length of the latent vector.
        prior: its distribution.
        width: channels of every inner map.
        norm: before every 3x3 convolution.
        labels: features of the label, concatenated to the latent vector.
        label_dim: width of the embedding.

    Raises ConfigError for a shape that no number of doublings reaches.
    """
    start, count = num_upsamplings(shape, "resnet")
    features = label_module(labels, num_classes, label_dim)
    body = nn.Sequential(
        _glorot(nn.Linear(z_dim + features.dim, width * start**2)),
        nn.Unflatten(-1, (width, start, start)),
        *[_doubling(width, norm) for _ in range(count)],
        *normalization(norm, width),
        nn.ReLU(),
        _glorot(nn.Conv2d(width, shape[0], 3, 1, 1)),
        nn.Tanh(),
    )
    return Generator(body, z_dim, prior, features)


def critic(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    width: PositiveInt = 128,
    norm: Norm = "none",
    output: Output = "linear",
) -> Critic:
    """Image -> halved by residual blocks -> two more of them -> summed -> a score per class.

    Args:
        shape: of an image, (C, H, W).
        num_classes: labels lie in [0, num_classes).
        width: channels of every inner map.
        norm: before every 3x3 convolution but those of the first block; the paper has none.
        output: activation of the last layer, see `Critic`.

    Raises ConfigError for a shape that cannot be halved to it, or an output without its heads.
    """
    start, count = num_upsamplings(shape, "resnet")
    halvings = count - 1 if start == 4 else count  # the paper's last map is 8 pixels wide, not 4
    body = nn.Sequential(
        _first_halving(shape[0], width),
        *[_halving(width, norm) for _ in range(halvings - 1)],
        *[
            ResidualBlock(nn.Sequential(*_convolutions(width, norm)), nn.Identity())
            for _ in range(2)
        ],
        nn.ReLU(),
        SumPool(),
        _glorot(nn.Linear(width, num_classes)),
    )
    return Critic(ConditionalSequential(body), ClassHeads(num_classes), output)


def _doubling(width: int, norm: Norm) -> ResidualBlock:
    """Return a residual block that doubles its maps."""
    first, second = _activated(width, norm), _activated(width, norm)
    residual = nn.Sequential(*first[:-1], nn.Upsample(scale_factor=2), first[-1], *second)
    # a 1x1 convolution and upsampling commute; this order is four times cheaper
    return ResidualBlock(residual, nn.Sequential(_short(width, width), nn.Upsample(scale_factor=2)))


def _halving(width: int, norm: Norm) -> ResidualBlock:
    """Return a residual block that halves its maps."""
    residual = nn.Sequential(*_convolutions(width, norm), nn.AvgPool2d(2))
    return ResidualBlock(residual, nn.Sequential(nn.AvgPool2d(2), _short(width, width)))


def _first_halving(channels: int, width: int) -> ResidualBlock:
    """Return the critic's first block, which neither normalizes nor activates the image."""
    first, second = _wide(channels, width), _wide(width, width)
    residual = nn.Sequential(first, nn.ReLU(), second, nn.AvgPool2d(2))
    return ResidualBlock(residual, nn.Sequential(nn.AvgPool2d(2), _short(channels, width)))


def _convolutions(width: int, norm: Norm) -> list[nn.Module]:
    return _activated(width, norm) + _activated(width, norm)


def _activated(width: int, norm: Norm) -> list[nn.Module]:
    """Return normalization, activation, convolution; not in place, for the shared input."""
    return [*normalization(norm, width), nn.ReLU(), _wide(width, width)]


def _wide(inputs: int, outputs: int) -> nn.Module:
    return _glorot(nn.Conv2d(inputs, outputs, 3, 1, 1), gain=math.sqrt(2))


def _short(inputs: int, outputs: int) -> nn.Module:
    return _glorot(nn.Conv2d(inputs, outputs, 1))


def _glorot(layer: nn.Linear | nn.Conv2d, gain: float = 1.0) -> nn.Module:
    """Initialize a layer as in the authors' code, biases zero, and return it."""
    nn.init.xavier_uniform_(layer.weight, gain)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
