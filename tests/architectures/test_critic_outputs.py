"""Outputs of a critic: sign, value and gradient of each."""

import math

import pytest
import torch
from torch import nn

from gan_zoo.architectures import characters, dcgan, mlp, resnet, sn_cnn, vgg
from gan_zoo.architectures.labels import ClassHeads
from gan_zoo.architectures.networks import Critic
from gan_zoo.schema import ConfigError, check

FAMILIES = [mlp, dcgan, vgg, characters, resnet, sn_cnn]


class Given(nn.Module):
    """A body that returns what it is given."""

    def forward(self, x, features=None):
        return x


def scored(output, values):
    values = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    critic = Critic(Given(), ClassHeads(values.shape[1]), output)
    return critic, values


def test_linear_is_the_raw_value():
    critic, a = scored("linear", [[-3.0], [0.5], [7.0]])
    assert critic(a, torch.zeros(3, dtype=torch.int64)).tolist() == [-3.0, 0.5, 7.0]


@pytest.mark.parametrize(
    ("output", "expected", "gradients"),
    [
        ("relu", [0.0, -0.5, -2.0], [0.0, -1.0, -1.0]),
        (
            "softplus",
            [-math.log1p(math.exp(a)) for a in (-3.0, 0.5, 2.0)],
            [-1 / (1 + math.exp(-a)) for a in (-3.0, 0.5, 2.0)],
        ),
    ],
)
def test_nonnegative_loss_is_minus_the_score(output, expected, gradients):
    critic, a = scored(output, [[-3.0], [0.5], [2.0]])
    score = critic(a, torch.zeros(3, dtype=torch.int64))
    assert score.tolist() == pytest.approx(expected)
    (gradient,) = torch.autograd.grad(score.sum(), a)
    assert gradient[:, 0].tolist() == pytest.approx(gradients)


def test_log_softmax_is_the_log_probability_of_the_label():
    critic, a = scored("log_softmax", [[1.0, 2.0, 3.0], [0.0, 0.0, math.log(2)]])
    total = math.log(math.exp(1) + math.exp(2) + math.exp(3))
    score = critic(a, torch.tensor([2, 0]))
    assert score.tolist() == pytest.approx([3 - total, math.log(1 / 4)])
    scores = critic.scores(a)
    assert scores.exp().sum(-1).tolist() == pytest.approx([1, 1])
    assert scores.argmax(-1).tolist() == [2, 2]
    # raising the label's score lowers the others': the gradient is onehot - softmax
    (gradient,) = torch.autograd.grad(score[1], a)
    assert gradient[1].tolist() == pytest.approx([0.75, -0.25, -0.5])


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[-1])
def test_every_critic_has_every_output(family):
    shape, x = (1, 8, 8), torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    heads = {"labels": "heads", "label_dim": 4} if family is characters else {}
    raw = {}
    for output in ("linear", "relu", "softplus", "log_softmax"):
        torch.manual_seed(1)
        critic = family.critic(shape, 3, output=output, **heads).eval()
        raw[output] = critic.scores(x)
    torch.testing.assert_close(raw["relu"], -raw["linear"].clamp(min=0))
    torch.testing.assert_close(raw["softplus"], -nn.functional.softplus(raw["linear"]))
    torch.testing.assert_close(raw["log_softmax"], raw["linear"].log_softmax(-1))


@pytest.mark.parametrize(
    ("family", "classes", "settings"),
    [(family, 1, {}) for family in FAMILIES]
    + [(mlp, 3, {"labels": "embedding"}), (characters, 3, {}), (dcgan, 3, {"labels": "one_hot"})],
)
def test_log_softmax_of_one_score_is_refused(family, classes, settings):
    with pytest.raises(ConfigError, match="needs a score for each of several classes") as caught:
        family.critic((1, 8, 8), classes, output="log_softmax", **settings)
    assert (caught.value.key, caught.value.value) == ("output", "log_softmax")


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("output", "sigmoid", "must be one of linear, log_softmax, relu, softplus"),
        ("norm", "instance", "must be one of batch, layer, group, none"),
        ("labels", "projection", "must be one of heads, embedding, one_hot"),
        ("width", 0, "must be at least 1"),
        ("label_dim", 0, "must be at least 1"),
        ("extra_conv", 1, "must be true or false"),
    ],
)
def test_wrong_choice_names_what_is_allowed(key, value, allowed):
    node = {"_target_": "gan_zoo.architectures.dcgan.critic", key: value}
    with pytest.raises(ConfigError) as caught:
        check(node, "architecture.critic", provided=("shape", "num_classes"))
    assert str(caught.value) == f"architecture.critic.{key}={value}: {allowed}"
