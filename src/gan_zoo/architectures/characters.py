"""The conditional networks of least squares GAN for thousands of characters, Mao et al. 2017.

arXiv:1611.04076, fig. 4, in the version of the official code (mcgan.py): at 1 x 28 x 28 with 3740
classes they have its 9,417,857 and 21,392,155 parameters. Each network has its own linear
embedding of the label. The original ends in a sigmoid on data in [0, 1]; ours are in [-1, 1], so
the generator ends in tanh(a) = 2 sigmoid(2a) - 1, the same map up to affine rescaling.
"""

from torch import nn

from gan_zoo.architectures.labels import ConditionalSequential, Features, Labels, label_module
from gan_zoo.architectures.layers import Norm, dcgan_init, image_side, normalization
from gan_zoo.architectures.networks import Critic, Generator, Output, Prior
from gan_zoo.schema import PositiveInt


def generator(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    z_dim: PositiveInt = 1024,
    prior: Prior = "uniform",
    width: PositiveInt = 128,
    norm: Norm = "batch",
    labels: Features = "embedding",
    label_dim: PositiveInt = 256,
) -> Generator:
    """Latent vector and label -> dense -> a quarter of the side -> doubled twice.

    Args:
        shape: of an image, (C, H, W).
        num_classes: labels lie in [0, num_classes).
        z_dim: length of the latent vector.
        prior: its distribution.
        width: channels of both inner maps.
        norm: after every layer but the last; per unit of the dense layer.
        labels: features of the label, concatenated to the latent vector only.
        label_dim: width of the embedding.

    Raises ConfigError unless the images are square with a side that is a multiple of 4.
    """
    start = image_side(shape, "characters", multiple=4) // 4
    features = label_module(labels, num_classes, label_dim)
    units = width * start**2
    body = nn.Sequential(
        nn.Linear(z_dim + features.dim, units),
        *normalization(norm, units, nn.BatchNorm1d),
        nn.ReLU(),
        nn.Unflatten(-1, (width, start, start)),
        nn.ConvTranspose2d(width, width, 5, 2, 2, output_padding=1),
        *normalization(norm, width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, shape[0], 5, 2, 2, output_padding=1),
        nn.Tanh(),
    )
    return Generator(body.apply(dcgan_init), z_dim, prior, features)


def critic(
    shape: tuple[int, ...],
    num_classes: int,
    *,
    width: PositiveInt = 64,
    hidden: PositiveInt = 1024,
    norm: Norm = "batch",
    labels: Labels = "embedding",
    label_dim: PositiveInt = 256,
    output: Output = "linear",
) -> Critic:
    """Image -> halved twice -> dense -> scores; every layer but the first gets the label.

    The first convolution has C + label_dim channels and the second width + label_dim, also with
    other label features than an embedding.

    Args:
        shape: of an image, (C, H, W).
        num_classes: labels lie in [0, num_classes).
        width: channels of the second convolution, besides label_dim.
        hidden: units of the dense layer.
        norm: of the second convolution and of the dense layer.
        labels: features concatenated to the inputs of three layers, or a score per class.
        label_dim: width of the embedding.
        output: activation of the last layer, see `Critic`.

    Raises ConfigError unless the images are square with a side that is a multiple of 4, or for an
    output without its heads.
    """
    end = image_side(shape, "characters", multiple=4) // 4
    features = label_module(labels, num_classes, label_dim)
    maps = (shape[0] + label_dim, width + label_dim)
    first = nn.Sequential(nn.Conv2d(shape[0], maps[0], 5, 2, 2), nn.LeakyReLU(0.2))
    second = nn.Sequential(
        nn.Conv2d(maps[0] + features.dim, maps[1], 5, 2, 2),
        *normalization(norm, maps[1]),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
    )
    dense = nn.Sequential(
        nn.Linear(maps[1] * end**2 + features.dim, hidden),
        *normalization(norm, hidden, nn.BatchNorm1d),
        nn.LeakyReLU(0.2),
    )
    body = ConditionalSequential(
        first, second, dense, nn.Linear(hidden + features.dim, features.heads)
    )
    return Critic(body.apply(dcgan_init), features, output)
