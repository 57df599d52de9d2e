"""Normalizations, activations, second derivatives, and steps without host reads."""

import pytest
import torch
from torch import nn

from gan_zoo.architectures import characters, dcgan, mlp, resnet, sn_cnn, vgg
from gan_zoo.architectures.mlp import Maxout

FAMILIES = [mlp, dcgan, vgg, characters, resnet, sn_cnn]
SHAPE = (1, 16, 16)
BATCH = (nn.BatchNorm1d, nn.BatchNorm2d)
SMALL = {mlp: {}, characters: {"width": 4, "hidden": 16}}  # settings of a small critic
LABEL_FEATURES = {
    mlp: ["heads", "embedding"],
    dcgan: ["heads", "embedding"],
    characters: ["embedding"],
}


def small_critic(family, **settings):
    """A small critic of three classes, in double precision."""
    if family in LABEL_FEATURES:
        settings = {"label_dim": 4, **settings}
    return family.critic(SHAPE, 3, **SMALL.get(family, {"width": 4}), **settings).double()


def short(module):
    return module.__name__.rpartition(".")[-1]


def layers(network, *kinds):
    return [module for module in network.modules() if isinstance(module, kinds)]


@pytest.mark.parametrize("family", FAMILIES, ids=short)
@pytest.mark.parametrize("role", ["generator", "critic"])
def test_networks_have_the_configured_normalization(family, role):
    def normalizations(norm):
        with torch.device("meta"):
            network = getattr(family, role)(SHAPE, 1, norm=norm)
        return [type(layer) for layer in layers(network, *BATCH, nn.GroupNorm)]

    batch = normalizations("batch")
    assert batch
    assert set(batch) <= set(BATCH)
    assert normalizations("none") == []
    for norm in ("layer", "group"):
        assert normalizations(norm) == [nn.GroupNorm] * len(batch)


@pytest.mark.parametrize("family", FAMILIES, ids=short)
@pytest.mark.parametrize("norm", ["layer", "group", "none"])
def test_samples_are_independent_without_batch_norm(family, norm):
    torch.manual_seed(0)
    generator = family.generator(SHAPE, 1, norm=norm, **({} if family is mlp else {"width": 4}))
    generator, critic = generator.double(), small_critic(family, norm=norm)
    y = torch.tensor([0, 1, 2, 0])
    x = generator(generator.sample_z(4, torch.Generator()), y)
    torch.testing.assert_close(critic(x, y)[:2], critic(x[:2], y[:2]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("role", ["generator", "critic"])
@pytest.mark.parametrize("family", FAMILIES, ids=short)
def test_normalization_precedes_activation(family, role):
    with torch.device("meta"):
        network = getattr(family, role)(SHAPE, 1, norm="batch")
    kinds = (*BATCH, nn.ReLU, nn.LeakyReLU, nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    order = layers(network, *kinds)
    after = [order[i + 1] for i, layer in enumerate(order) if isinstance(layer, BATCH)]
    assert after
    assert all(isinstance(layer, (nn.ReLU, nn.LeakyReLU)) for layer in after)


def test_layer_and_group_norm_groups():
    whole = layers(dcgan.critic(SHAPE, 1, norm="layer"), nn.GroupNorm)
    assert {layer.num_groups for layer in whole} == {1}
    for width, groups in [(64, 8), (6, 4), (5, 2)]:
        (layer,) = layers(dcgan.critic(SHAPE, 1, width=width, norm="group"), nn.GroupNorm)
        assert (layer.num_channels, layer.num_groups) == (2 * width, groups)


def test_vgg_normalizes_channels_and_characters_units():
    first = layers(vgg.generator((1, 28, 28), 1), *BATCH)[0]
    assert (type(first), first.num_features) == (nn.BatchNorm2d, 256)
    first = layers(characters.generator((1, 28, 28), 1), *BATCH)[0]
    assert (type(first), first.num_features) == (nn.BatchNorm1d, 128 * 7 * 7)


def test_no_bias_before_batch_norm():
    for norm, biased in [("batch", False), ("none", True), ("layer", True)]:
        inner = layers(dcgan.critic(SHAPE, 1, norm=norm), nn.Conv2d)[1]
        assert (inner.bias is not None) is biased


def test_maxout_by_hand():
    x = torch.tensor([[1.0, 5, 2, 3, 4, -9, -8, -7, -6, -10]])
    assert Maxout()(x).tolist() == [[5, -6]]
    hidden, last = layers(mlp.critic((2,), 1, hidden=(3,), activation="maxout"), nn.Linear)
    assert (hidden.out_features, last.in_features) == (15, 3)


def test_shortcut_equals_convolving_the_upsampled_map():
    torch.manual_seed(0)
    block = resnet._doubling(4, "none")
    x = torch.randn(2, 4, 3, 3)
    convolution, larger = block.shortcut[0], nn.functional.interpolate(x, scale_factor=2)
    torch.testing.assert_close(block.shortcut(x), convolution(larger))


def test_residual_blocks_do_not_change_their_input():
    torch.manual_seed(0)
    for block in (resnet._halving(4, "none"), resnet._doubling(4, "none")):
        x = torch.randn(2, 4, 4, 4)
        before = x.clone()
        expected = block.residual(x.clone()) + block.shortcut(x.clone())
        torch.testing.assert_close(block(x), expected)
        assert torch.equal(x, before)


@pytest.mark.parametrize("labels", ["heads", "embedding"])
@pytest.mark.parametrize("family", FAMILIES, ids=short)
def test_second_derivatives_match_finite_differences(family, labels):
    label_settings = {"labels": labels} if labels in LABEL_FEATURES.get(family, []) else {}
    torch.manual_seed(0)
    critic = small_critic(family, norm="layer", **label_settings)
    x = torch.randn(2, *SHAPE, dtype=torch.float64)
    y = torch.tensor([0, 2])
    weight = layers(critic, nn.Conv2d, nn.Linear)[1].weight

    def penalty():
        u = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(u, y).sum(), u, create_graph=True)
        return gradient.square().sum()

    (gradient,) = torch.autograd.grad(penalty(), weight)
    assert gradient.isfinite().all()
    direction = gradient / gradient.norm()
    step = 1e-8  # so small that no activation is likely to have its kink within
    with torch.no_grad():
        weight.add_(step * direction)
    above = penalty()
    with torch.no_grad():
        weight.sub_(2 * step * direction)
    measured = (above - penalty()) / (2 * step)
    assert gradient.norm() > 1e-8
    assert measured.item() == pytest.approx(gradient.norm().item(), rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("family", FAMILIES, ids=short)
def test_step_of_both_networks_runs_on_meta_device(family):
    with torch.device("meta"):
        generator, critic = family.generator(SHAPE, 3), family.critic(SHAPE, 3, norm="layer")
        y = torch.zeros(4, dtype=torch.int64)
        x = generator(generator.sample_z(4, torch.Generator()), y)
        critic(x, y).sum().backward()
        u = torch.empty(4, *SHAPE, requires_grad=True)
        (gradient,) = torch.autograd.grad(critic(u, y).sum(), u, create_graph=True)
        gradient.square().sum().backward()
    assert all(p.grad is not None for p in generator.parameters())


@pytest.mark.parametrize("family", FAMILIES, ids=short)
def test_spectral_norm_applies_to_every_weight(family):
    label_settings = {"labels": "embedding"} if family in LABEL_FEATURES else {}
    torch.manual_seed(0)
    critic = small_critic(family, norm="none", **label_settings)
    weighted = layers(critic, nn.Linear, nn.Conv2d, nn.Embedding)
    for layer in weighted:
        nn.utils.parametrizations.spectral_norm(layer, n_power_iterations=50)
    x, y = torch.randn(4, *SHAPE, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    critic(x, y).sum().backward()
    for layer in weighted:
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
        assert largest == pytest.approx(1, abs=0.05)
        assert layer.parametrizations.weight.original.grad.isfinite().all()


@pytest.mark.parametrize(
    ("family", "kind", "negative_slope"),
    [
        (dcgan, nn.LeakyReLU, 0.2),
        (vgg, nn.LeakyReLU, 0.2),
        (characters, nn.LeakyReLU, 0.2),
        (sn_cnn, nn.LeakyReLU, 0.1),
        (resnet, nn.ReLU, None),
    ],
    ids=lambda value: short(value) if value in FAMILIES else None,
)
def test_critic_activations_are_those_of_the_papers(family, kind, negative_slope):
    with torch.device("meta"):
        found = layers(family.critic(SHAPE, 1), nn.ReLU, nn.LeakyReLU)
    assert {type(layer) for layer in found} == {kind}
    assert {getattr(layer, "negative_slope", None) for layer in found} == {negative_slope}


@pytest.mark.parametrize("family", FAMILIES, ids=short)
def test_images_are_bounded_and_points_are_not(family):
    torch.manual_seed(0)
    generator = family.generator(SHAPE, 1, **({} if family is mlp else {"width": 4}))
    for weight in generator.parameters():
        weight.data *= 100  # so that only a bounded output stays within bounds
    y = torch.zeros(8, dtype=torch.int64)
    x = generator(generator.sample_z(8, torch.Generator()), y)
    assert 0.99 < x.abs().max().item() <= 1
    points = mlp.generator((2,), 1, output="linear")
    points.body[2].weight.data *= 100
    assert points(points.sample_z(8, torch.Generator()), y).abs().max().item() > 2


def test_residual_critic_sums_its_maps():
    x = torch.arange(16.0).reshape(1, 2, 2, 4)
    assert resnet.SumPool()(x).tolist() == [[28, 92]]
