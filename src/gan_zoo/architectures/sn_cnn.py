"""The standard CNNs of spectral normalization, Miyato et al. 2018 (arXiv:1802.05957, table 3).

Three doublings at every size: 32 x 32 starts from 4 x 4, the paper's 48 x 48 from 6 x 6. The
generator's dense layer is normalized as in the authors' code (the table does not specify it).
"""

from itertools import pairwise

from torch import nn

from gan_zoo.architectures.labels import ClassHeads, ConditionalSequential, Features, label_module
from gan_zoo.architectures.layers import Norm, dcgan_init, image_side, normalization
from gan_zoo.architectures.networks import Critic, Generator, Output, Prior
from gan_zoo.schema import PositiveInt

_HALVE, _KEEP = (4, 2, 1), (3, 1, 1)  # kernel, stride and padding of a convolution


def generator(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    z_dim: PositiveInt = 128,
    prior: Prior = "normal",
    width: PositiveInt = 64,
    norm: Norm = "batch",
    labels: Features = "embedding",
    label_dim: PositiveInt = 32,
) -> Generator:
    """Latent vector -> dense -> an eighth of the side -> doubled three times -> image.

    Args:
        shape: of an image, (C, H, W).
        num_classes: labels lie in [0, num_classes).
        z_dim: length of the latent vector.
        prior: its distribution.
        width: channels of the largest map; twice as many in each smaller one.
        norm: after every layer but the last; per unit of the dense layer.
        labels: features of the label, concatenated to the latent vector.
        label_dim: width of the embedding.

    Raises ConfigError unless the images are square with a side that is a multiple of 8.
    """
    start = image_side(shape, "sn_cnn", multiple=8) // 8
    features = label_module(labels, num_classes, label_dim)
    units = 8 * width * start**2
    layers: list[nn.Module] = [nn.Linear(z_dim + features.dim, units)]
    layers += [*normalization(norm, units, nn.BatchNorm1d), nn.ReLU()]
    layers += [nn.Unflatten(-1, (8 * width, start, start))]
    for wide, narrow in pairwise([8 * width, 4 * width, 2 * width, width]):
        layers += [nn.ConvTranspose2d(wide, narrow, *_HALVE), *normalization(norm, narrow)]
        layers += [nn.ReLU(True)]
    layers += [nn.Conv2d(width, shape[0], *_KEEP), nn.Tanh()]
    return Generator(nn.Sequential(*layers).apply(dcgan_init), z_dim, prior, features)


def critic(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    width: PositiveInt = 64,
    norm: Norm = "none",
    output: Output = "linear",
) -> Critic:
    """Image -> seven convolutions, three of them halving -> dense, a score per class.

    Args:
        shape: of an image, (C, H, W).
        num_classes: labels lie in [0, num_classes).
        width: channels of the first layer; twice as many in each smaller map.
        norm: after every convolution but the first; the paper has none.
        output: activation of the last layer, see `Critic`.

    Raises ConfigError unless the images are square with a side that is a multiple of 8, or for an
    output without its heads.
    """
    end = image_side(shape, "sn_cnn", multiple=8) // 8
    layers: list[nn.Module] = [nn.Conv2d(shape[0], width, *_KEEP), nn.LeakyReLU(0.1, True)]
    inputs = width
    for outputs, geometry in zip([1, 2, 2, 4, 4, 8], [_HALVE, _KEEP] * 3, strict=True):
        layers += [nn.Conv2d(inputs, outputs * width, *geometry)]
        layers += [*normalization(norm, outputs * width), nn.LeakyReLU(0.1, True)]
        inputs = outputs * width
    layers += [nn.Flatten(), nn.Linear(inputs * end**2, num_classes)]
    body = ConditionalSequential(nn.Sequential(*layers)).apply(dcgan_init)
    return Critic(body, ClassHeads(num_classes), output)
