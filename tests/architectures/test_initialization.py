"""Initial weights by the papers' rules, and latent vectors."""

import math

import pytest
import torch
from torch import nn

from gan_zoo.architectures import characters, dcgan, mlp, resnet, sn_cnn, vgg

FAMILIES = [mlp, dcgan, vgg, characters, resnet, sn_cnn]
SHAPE = (1, 16, 16)


def short(module):
    return module.__name__.rpartition(".")[-1]


def layers(network, *kinds):
    return [module for module in network.modules() if isinstance(module, kinds)]


@pytest.mark.parametrize("family", [dcgan, vgg, characters, sn_cnn], ids=short)
def test_dcgan_init_has_deviation_0_02(family):
    torch.manual_seed(0)
    for network in (family.generator(SHAPE, 1), family.critic(SHAPE, 1)):
        for layer in layers(network, nn.Linear, nn.Conv2d, nn.ConvTranspose2d):
            tolerance = 5 * 0.02 / math.sqrt(2 * layer.weight.numel())  # five standard errors
            assert layer.weight.std().item() == pytest.approx(0.02, abs=tolerance)
            assert layer.weight.mean().item() == pytest.approx(0, abs=2 * tolerance)
            assert layer.bias is None or not layer.bias.any()


def test_dcgan_initializes_batch_norm_scales_around_one():
    torch.manual_seed(0)
    scales = torch.cat([m.weight for m in layers(dcgan.critic((1, 32, 32), 1), nn.BatchNorm2d)])
    assert scales.mean().item() == pytest.approx(1, abs=0.006)
    assert scales.std().item() == pytest.approx(0.02, abs=0.004)


def test_mlp_initializations():
    torch.manual_seed(0)
    given = {"hidden": (64, 64)}
    weights = {
        init: layers(mlp.critic((2,), 1, init=init, **given), nn.Linear)[1].weight
        for init in ("glorot", "orthogonal", "normal")
    }
    square = weights["orthogonal"] @ weights["orthogonal"].T
    torch.testing.assert_close(square, 1.4**2 * torch.eye(64), rtol=1e-4, atol=1e-5)
    bound = math.sqrt(6 / 128)
    assert 0.95 * bound < weights["glorot"].abs().max().item() <= bound
    assert weights["normal"].std().item() == pytest.approx(0.02, abs=0.001)


def test_resnet_has_glorot_weights_larger_in_blocks():
    torch.manual_seed(0)
    critic = resnet.critic((3, 32, 32), 1, width=32)
    for layer in layers(critic, nn.Conv2d, nn.Linear):
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
        gain = math.sqrt(2) if getattr(layer, "kernel_size", None) == (3, 3) else 1
        bound = gain * math.sqrt(6 / (fan_in + fan_out))
        assert 0.8 * bound < layer.weight.abs().max().item() <= bound
        assert not layer.bias.any()


@pytest.mark.parametrize("family", FAMILIES, ids=short)
def test_output_does_not_change_initial_weights(family):
    def weights(output):
        torch.manual_seed(5)
        critic = family.critic((1, 8, 8), 1, output=output)
        return torch.cat([p.flatten() for p in critic.parameters()])

    assert torch.equal(weights("linear"), weights("softplus"))


@pytest.mark.parametrize(
    ("prior", "largest", "deviation"),
    [("uniform", (0.999, 1), 1 / math.sqrt(3)), ("normal", (3.5, 6), 1)],
)
def test_latent_vectors_follow_the_prior(prior, largest, deviation):
    generator = mlp.generator((2,), 1, z_dim=50, prior=prior).double()
    z = generator.sample_z(2000, torch.Generator().manual_seed(0))
    assert (z.shape, z.dtype) == ((2000, 50), torch.float64)
    for end in (-z.min().item(), z.max().item()):
        assert largest[0] <= end <= largest[1]
    assert z.mean().item() == pytest.approx(0, abs=0.015)
    assert z.std().item() == pytest.approx(deviation, abs=0.01)
    assert torch.equal(z, generator.sample_z(2000, torch.Generator().manual_seed(0)))
