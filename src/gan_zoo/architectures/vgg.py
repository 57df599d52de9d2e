"""The VGG-inspired networks of least squares GAN, Mao et al. 2017 (arXiv:1611.04076, fig. 3).

At 3 x 112 x 112 these are the paper's to the parameter (15,591,427 and 4,333,441). Other sizes keep
the pattern: doublings followed by a stride-one layer, then two that narrow down to the image.
"""

from torch import nn

from gan_zoo.architectures.labels import ClassHeads, ConditionalSequential, Features, label_module
from gan_zoo.architectures.layers import Norm, dcgan_init, normalization, num_upsamplings
from gan_zoo.architectures.networks import Critic, Generator, Output, Prior
from gan_zoo.schema import PositiveInt


def generator(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    z_dim: PositiveInt = 1024,
    prior: Prior = "uniform",
    width: PositiveInt = 64,
    norm: Norm = "batch",
    labels: Features = "embedding",
    label_dim: PositiveInt = 256,
) -> Generator:
    """Latent vector -> dense -> smallest map -> doubled up to the image by 3x3 deconvolutions.

    Args:
        shape: of an image, (C, H, W).
        num_classes: labels lie in [0, num_classes).
        z_dim: length of the latent vector.
        prior: its distribution.
        width: channels before the image; four times as many in the small maps.
        norm: after every layer but the last, per channel.
        labels: features of the label, concatenated to the latent vector.
        label_dim: width of the embedding.

    Raises ConfigError for a shape that no number of doublings reaches.
    """
    start, count = num_upsamplings(shape, "vgg")
    features = label_module(labels, num_classes, label_dim)
    inputs = 4 * width
    layers: list[nn.Module] = [nn.Linear(z_dim + features.dim, inputs * start**2)]
    layers += [nn.Unflatten(-1, (inputs, start, start)), *normalization(norm, inputs), nn.ReLU()]
    for outputs, stride in _plan(width, count):
        # with output padding, a stride of 2 doubles the map exactly
        layers += [nn.ConvTranspose2d(inputs, outputs, 3, stride, 1, output_padding=stride - 1)]
        layers += [*normalization(norm, outputs), nn.ReLU(True)]
        inputs = outputs
    layers += [nn.ConvTranspose2d(inputs, shape[0], 3, 1, 1), nn.Tanh()]
    return Generator(nn.Sequential(*layers).apply(dcgan_init), z_dim, prior, features)


def critic(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    width: PositiveInt = 64,
    norm: Norm = "batch",
    output: Output = "linear",
) -> Critic:
    """Image -> halved down to the smallest map by 5x5 convolutions -> dense, a score per class.

    Args:
        shape: of an image, (C, H, W).
        num_classes: labels lie in [0, num_classes).
        width: channels of the first layer; twice as many in each smaller map, up to eight times.
        norm: after every convolution but the first.
        output: activation of the last layer, see `Critic`.

    Raises ConfigError for a shape that cannot be halved to it, or an output without its heads.
    """
    end, count = num_upsamplings(shape, "vgg")
    layers: list[nn.Module] = [nn.Conv2d(shape[0], width, 5, 2, 2), nn.LeakyReLU(0.2, True)]
    inputs = width
    for i in range(1, count):
        outputs = width * 2 ** min(i, 3)
        layers += [nn.Conv2d(inputs, outputs, 5, 2, 2), *normalization(norm, outputs)]
        layers += [nn.LeakyReLU(0.2, True)]
        inputs = outputs
    layers += [nn.Flatten(), nn.Linear(inputs * end**2, num_classes)]
    body = ConditionalSequential(nn.Sequential(*layers)).apply(dcgan_init)
    return Critic(body, ClassHeads(num_classes), output)


def _plan(width: int, count: int) -> list[tuple[int, int]]:
    """Return channels and stride of each deconvolution but the last, for so many doublings.

    All but the last two doublings (but at least one) are followed by a layer of stride one.
    """
    channels = ([4 * width] * count + [2 * width, width])[-count:]
    plan = []
    for i, outputs in enumerate(channels):
        plan += [(outputs, 2), (outputs, 1)] if i < max(1, count - 2) else [(outputs, 2)]
    return plan
