"""DCGAN, Radford et al. 2016 (arXiv:1511.06434), sized to the image, as the LS-GAN authors use it.

At 3 x 64 x 64 with width 64 these are the networks of LS-GAN's official code to the parameter
(3,576,704 and 2,765,568). At 3 x 32 x 32 and ten classes, a generator of width 128 with the one-hot
label and a critic with `extra_conv` are those of CLS-GAN's code (3,530,496 and 1,475,200).
"""

from itertools import pairwise

from torch import nn

from gan_zoo.architectures.labels import ConditionalSequential, Features, Labels, label_module
from gan_zoo.architectures.layers import (
    GlobalConv,
    LatentConvTranspose,
    Norm,
    dcgan_init,
    needs_bias,
    normalization,
    num_upsamplings,
)
from gan_zoo.architectures.networks import Critic, Generator, Output, Prior
from gan_zoo.schema import PositiveInt

_HALVE, _KEEP = (4, 2, 1), (3, 1, 1)  # kernel, stride and padding of a convolution


def generator(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    z_dim: PositiveInt = 100,
    prior: Prior = "uniform",
    width: PositiveInt = 64,
    norm: Norm = "batch",
    labels: Features = "embedding",
    label_dim: PositiveInt = 32,
) -> Generator:
    """Latent vector -> smallest map (4 to 7 pixels wide) -> doubled up to the image.

    Args:
        shape: of an image, (C, H, W).
        num_classes: labels lie in [0, num_classes).
        z_dim: length of the latent vector.
        prior: its distribution.
        width: channels before the image; twice as many in each smaller map.
        norm: after every layer but the last.
        labels: features of the label, concatenated to the latent vector.
        label_dim: width of the embedding.

    Raises ConfigError for a shape that no number of doublings reaches.
    """
    start, count = num_upsamplings(shape, "dcgan")
    features = label_module(labels, num_classes, label_dim)
    channels = [width * 2**i for i in reversed(range(count))]
    inputs, bias = z_dim + features.dim, needs_bias(norm)
    layers: list[nn.Module] = [nn.Unflatten(-1, (inputs, 1, 1))]
    layers += [LatentConvTranspose(inputs, channels[0], start, bias=bias)]
    for wide, narrow in pairwise(channels):
        layers += [*normalization(norm, wide), nn.ReLU(True)]
        layers += [nn.ConvTranspose2d(wide, narrow, *_HALVE, bias=bias)]
    layers += [*normalization(norm, width), nn.ReLU(True)]
    layers += [nn.ConvTranspose2d(width, shape[0], *_HALVE, bias=False), nn.Tanh()]
    return Generator(nn.Sequential(*layers).apply(_init), z_dim, prior, features)


def critic(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    width: PositiveInt = 64,
    norm: Norm = "batch",
    extra_conv: bool = False,
    labels: Labels = "heads",
    label_dim: PositiveInt = 32,
    output: Output = "linear",
) -> Critic:
    """Image -> halved down to the smallest map (4 to 7 pixels wide) -> scores.

    Args:
        shape: of an image, (C, H, W).
        num_classes: labels lie in [0, num_classes).
        width: channels of the first layer; twice as many in each smaller map.
        norm: after every layer but the first and the last.
        extra_conv: whether a 3x3 convolution follows each halving, as in CLS-GAN's critic.
        labels: a score per class, or features concatenated to the first layer's maps.
        label_dim: width of the embedding.
        output: activation of the last layer, see `Critic`.

    Raises ConfigError for a shape that cannot be halved to it, or an output without its heads.
    """
    end, count = num_upsamplings(shape, "dcgan")
    features = label_module(labels, num_classes, label_dim)
    first = nn.Sequential(nn.Conv2d(shape[0], width, *_HALVE, bias=False), nn.LeakyReLU(0.2, True))
    geometries = [_HALVE, _KEEP] if extra_conv else [_HALVE]
    plan = [(width * 2**i, geometry) for i in range(count) for geometry in geometries]
    layers: list[nn.Module] = []
    inputs = width + features.dim
    for outputs, geometry in plan[1:]:
        layers += [nn.Conv2d(inputs, outputs, *geometry, bias=needs_bias(norm))]
        layers += [*normalization(norm, outputs), nn.LeakyReLU(0.2, True)]
        inputs = outputs
    layers += [GlobalConv(inputs, features.heads, end, bias=False), nn.Flatten()]
    return Critic(
        ConditionalSequential(first, nn.Sequential(*layers)).apply(_init), features, output
    )


def _init(module: nn.Module) -> None:
    """Initialize as in the paper: N(0, 0.02), and N(1, 0.02) for the scales of batch norm."""
    dcgan_init(module)
    if isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)
