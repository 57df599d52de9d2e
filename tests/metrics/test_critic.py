"""Diagnoses of critics with known gradients, weights and scores."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from gan_zoo.evaluation.evaluator import diagnose_critic
from gan_zoo.evaluation.monitor import zero_score_loss
from gan_zoo.losses import GAN, GeneralizedLossSensitive, ScoredBatch
from gan_zoo.metrics.critic import (
    auroc,
    clipped_fraction,
    grad_norms,
    margins,
    plot_critic,
    score_histograms,
    spectral_norm_product,
)
from gan_zoo.regularizers import WeightClip


class Critic(nn.Module):
    """Scores by its body alone, whatever the label."""

    def __init__(self, body: nn.Module):
        super().__init__()
        self.body = body

    def forward(self, x, y):
        return self.body(x).squeeze(-1)


def linear(*weights: float) -> Critic:
    layer = nn.Linear(len(weights), 1)
    layer.weight.data, layer.bias.data = torch.tensor([weights]), torch.tensor([0.5])
    return Critic(layer).eval()


def points(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))


LABELS = torch.zeros(50, dtype=torch.int64)


def test_linear_critic_has_one_gradient_norm():
    found = grad_norms(linear(3.0, 4.0), points(50, 0), points(50, 1), LABELS, torch.rand(50))
    assert len(found) == 10
    assert list(found.values()) == pytest.approx([5.0] * 10)


def test_gradients_of_large_images_need_few_graphs_at_once():
    sizes = []

    class Weighted(nn.Module):
        def forward(self, x):
            sizes.append(len(x))
            return (x.square() * 0.5).flatten(1).sum(1, keepdim=True)  # the gradient is x

    real, fake = (torch.full((50, 3, 128, 128), value) for value in (1.0, 2.0))
    found = grad_norms(Critic(Weighted()), real, fake, LABELS, torch.zeros(50))
    assert max(sizes) == 10
    assert sum(sizes) == 150
    assert found["critic/grad_norm_real_median"] == pytest.approx(math.sqrt(3 * 128 * 128))
    assert found["critic/lipschitz_lower_bound"] == pytest.approx(2 * math.sqrt(3 * 128 * 128))


def test_interpolated_grad_norms():
    class Square(nn.Module):
        def forward(self, x):
            return x[:, :1].square() / 2  # as steep as its first coordinate is large

    real, fake = torch.tensor([[2.0, 0.0]] * 50), torch.tensor([[10.0, 0.0]] * 50)
    found = grad_norms(Critic(Square()), real, fake, LABELS, torch.full((50,), 0.25))
    quantiles = [found[f"critic/grad_norm_{n}_median"] for n in ("real", "fake", "interpolated")]
    assert quantiles == pytest.approx([2, 10, 4])
    assert found["critic/lipschitz_lower_bound"] == pytest.approx(10)


def test_spectral_norm_product_multiplies_layers():
    first, second = nn.Linear(2, 2), nn.Conv2d(1, 1, 2)
    first.weight.data = torch.diag(torch.tensor([3.0, 1.0]))
    second.weight.data = torch.full((1, 1, 2, 2), 2.0)
    critic = nn.Sequential(first, nn.BatchNorm1d(2), second)
    assert spectral_norm_product(critic) == pytest.approx(3 * 4)


def test_clipped_fraction_counts_clipped_weights():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(50, 50), nn.Linear(50, 1))
    assert clipped_fraction(critic) < 0.01
    WeightClip(bound=0.05).after_step(list(critic.parameters()))
    beyond = np.mean([(p.abs() >= 0.05).float().mean().item() for p in critic[0].parameters()])
    assert clipped_fraction(critic) == pytest.approx(beyond, abs=0.05)


def test_margins_are_those_of_the_loss():
    x = torch.zeros(4, 2)
    real = ScoredBatch(x, torch.tensor([3.0, 1.0, 0.0, 0.0]))
    fake = ScoredBatch(x + 1, torch.zeros(4))
    found = margins(GeneralizedLossSensitive(margin_scale=2.0), real, fake)
    assert found["margin/mean"] == 2
    assert (found["margin/violated"], found["margin/satisfied"]) == (0.75, 0.25)
    assert margins(GAN(), real, fake) == {}


def test_auroc_by_hand():
    low, high = torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0])
    assert auroc(high, low) == 1
    assert auroc(low, high) == 0
    assert auroc(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])) == 0.5
    assert auroc(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 1.0])) == 0.5


def test_score_histograms_contain_every_score():
    found = score_histograms(points(50, 0)[:, 0], points(50, 1)[:, 0] + 2)
    assert sum(found["critic/score_real"]) == pytest.approx(1)
    assert sum(found["critic/score_fake"]) == pytest.approx(1)
    assert len(found["critic/score_edges"]) == len(found["critic/score_real"]) + 1
    same = score_histograms(torch.ones(5), torch.ones(5))
    assert same["critic/score_real"] == same["critic/score_fake"]


def test_diagnosis_leaves_no_gradients():
    critic = linear(1.0, 2.0)
    rng = torch.Generator().manual_seed(0)
    found = diagnose_critic(critic, GAN(), points(50, 0), points(50, 1), LABELS, rng)
    assert all(math.isfinite(value) for value in found.numbers.values())
    assert critic.body.weight.grad is None


def test_critic_plot_directions():
    pixels = plot_critic(linear(0.0, 1.0), extent=2.0, side=20)  # rises upwards
    assert (pixels.shape, pixels.dtype) == ((20, 20, 3), np.uint8)
    red_over_blue = pixels[..., 0].astype(int) - pixels[..., 2]
    assert (red_over_blue[:3] > 0).all()
    assert (red_over_blue[-3:] < 0).all()
    pixels = plot_critic(linear(1.0, 0.0), extent=2.0, side=20)  # rises to the right
    assert (pixels[:, -1, 0].astype(int) > pixels[:, 0, 0]).all()


def test_zero_score_loss():
    assert zero_score_loss(GAN(), points(50, 0)) == pytest.approx(2 * math.log(2))
    assert zero_score_loss(GeneralizedLossSensitive(), points(50, 0)) > 1
