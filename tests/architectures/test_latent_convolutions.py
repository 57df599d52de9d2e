"""Convolutions from and to a single pixel, against torch's."""

import pytest
import torch
from torch import nn

from gan_zoo.architectures.layers import GlobalConv, LatentConvTranspose


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("ours", "its", "shape"),
    [
        (LatentConvTranspose, nn.ConvTranspose2d, (3, 5, 1, 1)),
        (GlobalConv, nn.Conv2d, (3, 5, 4, 7)),
    ],
)
def test_single_pixel_convolutions_equal_torch(ours, its, shape, bias):
    torch.manual_seed(0)
    layer, reference = (kind(5, 6, (4, 7), bias=bias).double() for kind in (ours, its))
    layer.load_state_dict(reference.state_dict())
    layer.to(memory_format=torch.channels_last)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)

    outputs = layer(x), reference(x)
    torch.testing.assert_close(*outputs)

    noise = torch.randn_like(outputs[1])
    gradients = [
        torch.autograd.grad((output * noise).square().sum(), [x, *module.parameters()])
        for output, module in zip(outputs, (layer, reference), strict=True)
    ]
    for ours_, its_ in zip(*gradients, strict=True):
        torch.testing.assert_close(ours_, its_, check_stride=False)
    # what a fused update asks for
    assert [g.stride() for g in gradients[0][1:]] == [p.stride() for p in layer.parameters()]


def test_map_of_another_size_is_refused():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        GlobalConv(5, 6, 4)(torch.zeros(2, 5, 5, 5))
