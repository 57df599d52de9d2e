"""Label conditioning of both networks, in every way, with separate embeddings."""

import pytest
import torch
from torch import nn

from gan_zoo.architectures import characters, dcgan, mlp, resnet, sn_cnn, vgg
from gan_zoo.architectures.labels import LabelEmbedding, OneHot, concat_features

CLASSES = 4
SMALL = {
    mlp: ((1, 8, 8), {"hidden": (16,)}, {"hidden": (16,)}),
    dcgan: ((1, 8, 8), {"width": 8}, {"width": 8}),
    vgg: ((1, 8, 8), {"width": 8}, {"width": 8}),
    characters: ((1, 8, 8), {"width": 8, "label_dim": 8}, {"width": 8, "hidden": 16}),
    resnet: ((1, 8, 8), {"width": 8}, {"width": 8}),
    sn_cnn: ((1, 8, 8), {"width": 8}, {"width": 8}),
}
TAKES_LABELS = [mlp, dcgan, characters]


def short(module):
    return module.__name__.rpartition(".")[-1]


@pytest.mark.parametrize("labels", ["embedding", "one_hot"])
@pytest.mark.parametrize("family", SMALL, ids=short)
def test_label_changes_the_sample(family, labels):
    shape, settings, _ = SMALL[family]
    torch.manual_seed(0)
    generator = family.generator(shape, CLASSES, **settings, labels=labels).double().eval()
    z = generator.sample_z(1, torch.Generator()).expand(CLASSES, -1)
    x = generator(z, torch.arange(CLASSES)).flatten(1)
    distances = torch.cdist(x, x) + torch.eye(CLASSES)
    assert distances.min() > 1e-6
    same = generator(z, torch.zeros(CLASSES, dtype=torch.int64))
    torch.testing.assert_close(same, same[:1].expand_as(same))


@pytest.mark.parametrize("labels", ["heads", "embedding", "one_hot"])
@pytest.mark.parametrize("family", TAKES_LABELS, ids=short)
def test_label_changes_the_score_and_scores_has_all_labels(family, labels):
    shape, _, settings = SMALL[family]
    torch.manual_seed(0)
    critic = family.critic(shape, CLASSES, **settings, labels=labels).double().eval()
    x = torch.randn(3, *shape, dtype=torch.float64)
    scores = critic.scores(x)
    assert scores.shape == (3, CLASSES)
    for label in range(CLASSES):
        torch.testing.assert_close(critic(x, torch.full((3,), label)), scores[:, label])
    gaps = (scores[:, :, None] - scores[:, None, :]).abs() + torch.eye(CLASSES)
    assert gaps.min() > 1e-9


@pytest.mark.parametrize("family", [vgg, resnet, sn_cnn], ids=short)
def test_families_without_choice_have_heads(family):
    shape, _, settings = SMALL[family]
    torch.manual_seed(0)
    critic = family.critic(shape, CLASSES, **settings).eval()
    x, y = torch.randn(3, *shape), torch.tensor([2, 0, 3])
    torch.testing.assert_close(critic(x, y), critic.body(x)[[0, 1, 2], y])


@pytest.mark.parametrize("family", TAKES_LABELS, ids=short)
def test_embeddings_are_separate_and_learn(family):
    shape, for_generator, for_critic = SMALL[family]
    generator = family.generator(shape, CLASSES, **for_generator)
    critic = family.critic(shape, CLASSES, **for_critic, labels="embedding")
    assert not {id(p) for p in generator.parameters()} & {id(p) for p in critic.parameters()}
    y = torch.arange(CLASSES)
    critic(
        generator(generator.sample_z(CLASSES, torch.Generator()), y), y
    ).square().sum().backward()
    for network in (generator, critic):
        assert network.labels.rows.weight.grad.abs().sum(1).min() > 0  # each class's own row


def test_embedding_is_linear_in_the_one_hot_label():
    embedding = LabelEmbedding(5, 3)
    nn.init.normal_(embedding.bias)
    y = torch.tensor([4, 0, 4])
    linear = nn.functional.one_hot(y, 5).float() @ embedding.rows.weight + embedding.bias
    torch.testing.assert_close(embedding(y), linear)


def test_one_hot_by_hand():
    hot = concat_features(
        torch.zeros(3, 2, dtype=torch.float64), OneHot(4)(torch.tensor([3, 0, 3]))
    )
    expected = [[0, 0, 0, 0, 0, 1], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1]]
    assert torch.equal(hot, torch.tensor(expected, dtype=torch.float64))


def test_features_are_appended_as_constant_maps():
    maps, features = torch.randn(2, 3, 4, 5), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    joined = concat_features(maps, features)
    assert joined.shape == (2, 5, 4, 5)
    assert torch.equal(joined[:, :3], maps)
    assert torch.equal(joined[1, 4], torch.full((4, 5), 4.0))
    assert torch.equal(joined[0, 3], torch.full((4, 5), 1.0))


@pytest.mark.parametrize("family", TAKES_LABELS, ids=short)
@pytest.mark.parametrize("labels", ["embedding", "one_hot"])
def test_one_class_has_no_features_or_parameters(family, labels):
    shape, for_generator, for_critic = SMALL[family]
    generator = family.generator(shape, 1, **for_generator, labels=labels)
    critic = family.critic(shape, 1, **for_critic, labels=labels)
    assert not list(generator.labels.parameters()) + list(critic.labels.parameters())
    torch.manual_seed(3)
    with_labels = family.critic(shape, 1, **for_critic, labels=labels)
    torch.manual_seed(3)
    without = family.critic(shape, 1, **for_critic, labels="heads")
    same = zip(with_labels.parameters(), without.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in same)


def test_characters_critic_conditions_all_but_the_first_layer():
    def inputs(labels):
        critic = characters.critic((1, 8, 8), CLASSES, label_dim=5, labels=labels)
        layers = [m for m in critic.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
        return [layer.weight.shape[1] for layer in layers]

    with_labels, without = inputs("embedding"), inputs("heads")
    assert [a - b for a, b in zip(with_labels, without, strict=True)] == [0, 5, 5, 5]


def test_characters_generator_conditions_its_input_only():
    generator = characters.generator((1, 8, 8), CLASSES, width=8)
    seen = []
    generator.body.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    generator(generator.sample_z(2, torch.Generator()), torch.tensor([0, 1]))
    assert seen == [(2, 1024 + 256)]


def test_one_hot_of_many_classes_costs_more_parameters():
    def parameters(labels):
        with torch.device("meta"):
            critic = characters.critic((1, 28, 28), 3740, labels=labels)
        return sum(p.numel() for p in critic.parameters())

    # (3740 - 256) more inputs for 320 maps of 5x5 weights, 1024 units and 1 score, less the map
    extra = (3740 - 256) * (320 * 25 + 1024 + 1) - (3740 * 256 + 256)
    assert parameters("one_hot") - parameters("embedding") == extra
