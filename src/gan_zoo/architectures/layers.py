"""Layers, initialization and image sizes that several families share."""

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from gan_zoo.schema import ConfigError

Norm = Literal["batch", "layer", "group", "none"]


def normalization(
    norm: Norm, channels: int, batch: Callable[[int], nn.Module] = nn.BatchNorm2d
) -> list[nn.Module]:
    """Return the layers that normalize so many channels: one, or none.

    batch: over the batch and the map, by the class `batch`; the only one with which samples of a
    batch affect each other, so that gradient penalties refuse it. layer: over all of one sample,
    with a scale and a shift per channel. group: over each of up to 8 groups of channels.
    """
    match norm:
        case "batch":
            return [batch(channels)]
        case "layer":
            return [nn.GroupNorm(1, channels)]
        case "group":
            return [nn.GroupNorm(math.gcd(8, channels), channels)]
        case "none":
            return []


def needs_bias(norm: Norm) -> bool:
    """Return whether a bias before the normalization has an effect; batch norm subtracts it."""
    return norm != "batch"


def dcgan_init(module: nn.Module) -> None:
    """Initialize weights from N(0, 0.02) and biases to 0, as DCGAN."""
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class LatentConvTranspose(nn.ConvTranspose2d):
    """Transposed convolution of a 1 x 1 map, (N, C, 1, 1) to (N, outputs, *kernel_size).

    Computed as a matrix product, on CPU five times faster than torch's kernel for transposed
    convolutions. Weights are those of torch's layer.
    """

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        weight = self.weight.permute(0, 2, 3, 1)  # a view in channels_last
        maps = (input.flatten(1) @ weight.flatten(1)).unflatten(1, weight.shape[1:])
        return (maps if self.bias is None else maps + self.bias).permute(0, 3, 1, 2)


class GlobalConv(nn.Conv2d):
    """Convolution of maps as large as its kernel, (N, C, *kernel_size) to (N, outputs, 1, 1).

    Computed as a matrix product, as in `LatentConvTranspose`.
    """

    def forward(self, input: Tensor) -> Tensor:
        pixels, weight = input.permute(0, 2, 3, 1), self.weight.permute(0, 2, 3, 1)
        return functional.linear(pixels.flatten(1), weight.flatten(1), self.bias)[..., None, None]


def image_side(shape: tuple[int, ...], family: str, multiple: int) -> int:
    """Return the side of square images (C, side, side).

    Raises ConfigError for other shapes, or a side that is not a multiple of `multiple`.
    """
    _check_images(shape, family, f"that is a multiple of {multiple}", multiple, multiple)
    return shape[1]


def num_upsamplings(shape: tuple[int, ...], family: str) -> tuple[int, int]:
    """Return the side of the smallest map, 4 to 7, and the number of doublings to the image.

    Raises ConfigError unless images are square with a side of 4, 5, 6 or 7 times 2, 4, 8, ...,
    such as 8, 28, 32, 48, 64, 96, 112 or 128.
    """
    count = max(1, shape[-1].bit_length() - 3)  # 4 has three binary digits, as 7
    _check_images(shape, family, "of 4, 5, 6 or 7 times 2, 4, 8, ...", 2**count, least=8)
    return shape[1] // 2**count, count


def _check_images(
    shape: tuple[int, ...], family: str, side: str, multiple: int, least: int
) -> None:
    """Raises ConfigError for no square images, and for a side that is too small or no multiple.

    That error names the nearest sides that fit.
    """
    allowed = f"{family} needs square images with a side {side}"
    if len(shape) == 3 and shape[1] == shape[2]:
        below = shape[1] // multiple * multiple
        if below == shape[1] >= least:
            return
        nearest = [n for n in (below, below + multiple) if n >= least] or [least]
        allowed += f"; nearest: {' and '.join(map(str, nearest))}"
    raise ConfigError("shape", "x".join(map(str, shape)), allowed)
