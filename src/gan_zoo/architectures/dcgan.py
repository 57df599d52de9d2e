"""DCGAN, Radford et al. 2016 (arXiv:1511.06434), sized to the image, as the LS-GAN authors use it.

At 64 x 64 with width 64 these are their networks to the parameter (3,576,704 and 2,765,568).
"""

from itertools import pairwise
from typing import Literal

from torch import nn

from gan_zoo.architectures.players import Critic, Generator, Prior, label_features
from gan_zoo.schema import CountInt, PositiveInt, SettingError

Norm = Literal["batch", "layer", "group", "none"]
_NORMS = {
    "batch": nn.BatchNorm2d,
    "layer": lambda channels: nn.GroupNorm(1, channels),
    "group": lambda channels: nn.GroupNorm(min(8, channels), channels),
    "none": nn.Identity,
}


def generator(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    z_dim: PositiveInt = 100,
    prior: Prior = "uniform",
    width: PositiveInt = 64,
    norm: Norm = "batch",
    label_dim: CountInt = 32,
) -> Generator:
    """Latent vector -> 4x4 or 7x7 -> doubled up to the image. width: channels before the last."""
    start, doublings = _stages(shape)
    channels = [width * 2**i for i in reversed(range(doublings))]
    inputs = z_dim + label_features(num_classes, label_dim)
    bias = norm not in ("batch",)  # batch norm subtracts any bias again
    layers: list[nn.Module] = [nn.Unflatten(-1, (inputs, 1, 1))]
    layers += [nn.ConvTranspose2d(inputs, channels[0], start, bias=bias)]
    for wide, narrow in pairwise(channels):
        layers += [_NORMS[norm](wide), nn.ReLU(True)]
        layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=bias)]
    layers += [_NORMS[norm](width), nn.ReLU(True)]
    layers += [nn.ConvTranspose2d(width, shape[0], 4, 2, 1, bias=False), nn.Tanh()]
    return Generator(nn.Sequential(*layers).apply(_start), z_dim, prior, num_classes, label_dim)


def critic(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    width: PositiveInt = 64,
    norm: Norm = "batch",
) -> Critic:
    """Image -> halved down to 4x4 (or 7x7) -> one raw score per class. width: first channels."""
    end, halvings = _stages(shape)
    bias = norm not in ("batch",)
    layers: list[nn.Module] = [nn.Conv2d(shape[0], width, 4, 2, 1, bias=False)]
    layers += [nn.LeakyReLU(0.2, True)]
    for i in range(halvings - 1):
        narrow, wide = width * 2**i, width * 2 ** (i + 1)
        layers += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=bias), _NORMS[norm](wide)]
        layers += [nn.LeakyReLU(0.2, True)]
    layers += [nn.Conv2d(width * 2 ** (halvings - 1), num_classes, end, bias=False), nn.Flatten()]
    return Critic(nn.Sequential(*layers).apply(_start))


def _stages(shape: tuple[int, ...]) -> tuple[int, int]:
    """Side of the smallest map and number of doublings from it to the image.

    Raises SettingError unless the image is square with a side of 4 * 2^n or 7 * 2^n, n >= 1.
    """
    side, doublings = shape[-1], 0
    while side not in (4, 7) and side % 2 == 0:
        side, doublings = side // 2, doublings + 1
    if len(shape) != 3 or shape[1] != shape[2] or side not in (4, 7) or doublings == 0:
        shown = "x".join(map(str, shape))
        allowed = "DCGAN makes square images with a side of 4 or 7 times a power of two"
        raise SettingError("shape", shown, allowed)
    return side, doublings


def _start(module: nn.Module) -> None:
    """Initial weights of the paper: N(0, 0.02), and N(1, 0.02) for the scales of batch norm."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0, 0.02)
    if isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)
