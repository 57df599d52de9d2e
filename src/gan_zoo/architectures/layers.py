"""What several families choose from: normalizations, and initial weights."""

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from gan_zoo.schema import ConfigError

Norm = Literal["batch", "layer", "group", "none"]
_NORMS: dict[str, Callable[[int], list[nn.Module]]] = {
    "layer": lambda channels: [nn.GroupNorm(1, channels)],
    "group": lambda channels: [nn.GroupNorm(math.gcd(8, channels), channels)],
    "none": lambda channels: [],
}


_CENTRING = {"batch"}  # normalizations that subtract each channel's mean


def normalization(
    norm: Norm, channels: int, batch: Callable[[int], nn.Module] = nn.BatchNorm2d
) -> list[nn.Module]:
    """The layers that normalize so many channels: one, or none.

    batch: over the batch and the map (`batch` is the class for it). layer: over all of one sample,
    with a scale and a shift per channel. group: over each of up to 8 groups of channels. Only the
    first ties the samples of a batch together, which a gradient penalty cannot bear.
    """
    return {**_NORMS, "batch": lambda count: [batch(count)]}[norm](channels)


def needs_bias(norm: Norm) -> bool:
    """Whether a bias before the normalization has any effect: batch norm subtracts it again."""
    return norm not in _CENTRING


def dcgan_init(module: nn.Module) -> None:
    """Weights from N(0, 0.02), biases zero: the start of DCGAN and of many after it."""
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class LatentConvTranspose(nn.ConvTranspose2d):
    """The transposed convolution of a 1 x 1 map, (N, C, 1, 1) to (N, outputs, *kernel_size).

    That is one product of matrices, for which the kernels of transposed convolutions take five
    times as long on a processor. Weights are those of torch's layer.
    """

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        weight = self.weight.permute(0, 2, 3, 1)  # as channels_last stores it: nothing is copied
        maps = (input.flatten(1) @ weight.flatten(1)).unflatten(1, weight.shape[1:])
        return (maps if self.bias is None else maps + self.bias).permute(0, 3, 1, 2)


class GlobalConv(nn.Conv2d):
    """The convolution of maps as large as its kernel, (N, C, *kernel_size) to (N, outputs, 1, 1).

    One product of matrices, as in `LatentConvTranspose`.
    """

    def forward(self, input: Tensor) -> Tensor:
        pixels, weight = input.permute(0, 2, 3, 1), self.weight.permute(0, 2, 3, 1)
        return functional.linear(pixels.flatten(1), weight.flatten(1), self.bias)[..., None, None]


def image_side(shape: tuple[int, ...], family: str, multiple: int) -> int:
    """The side of square images (C, side, side).

    Raises ConfigError unless the data are such images and the side is a multiple of `multiple`.
    """
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] % multiple:
        allowed = f"{family} needs square images with a side that is a multiple of {multiple}"
        raise ConfigError("shape", "x".join(map(str, shape)), allowed)
    return shape[1]


def num_upsamplings(shape: tuple[int, ...], family: str) -> tuple[int, int]:
    """Side of the smallest map, 4 to 7, and the number of doublings from it to the image.

    Raises ConfigError unless the data are square images with a side of 4, 5, 6 or 7 times a power
    of two: 8, 28, 32, 48, 64, 96, 112, 128 and the like.
    """
    side, count = shape[-1], 0
    while side > 7 and side % 2 == 0:
        side, count = side // 2, count + 1
    if len(shape) != 3 or shape[1] != shape[2] or not 4 <= side <= 7 or count == 0:
        allowed = f"{family} needs square images with a side of 4 to 7 times a power of two"
        raise ConfigError("shape", "x".join(map(str, shape)), allowed)
    return side, count
