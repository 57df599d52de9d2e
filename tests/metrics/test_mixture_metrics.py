"""Mixture metrics of a perfect sampler, a collapsed one and noise have known values."""

import math

import pytest
import torch
from torch import Tensor

from gan_zoo.data.mixtures import Grid, Ring
from gan_zoo.metrics.modes import (
    CELLS_PER_MODE,
    cells,
    directions,
    jensen_shannon,
    mixture_divergence,
    mode_counts,
    nearest,
    optimal_critic_loss,
    reverse_kl,
    sliced_wasserstein,
)

RING = Ring(count=20_000)
CENTRES = torch.tensor(RING.centers())
EVEN = torch.ones(8)


@pytest.fixture(scope="module")
def true() -> Tensor:
    return RING.load("test").x


@pytest.fixture(scope="module")
def perfect() -> Tensor:
    return RING.load("train").x


def test_distances_to_many_centers_are_made_a_part_at_a_time(monkeypatch):
    x, centers = noise(1000).double(), noise(300).double()
    sizes, cdist = [], torch.cdist

    def counted(*points, **mode):
        sizes.append(len(points[0]))
        return cdist(*points, **mode)

    monkeypatch.setattr("gan_zoo.metrics.modes._DISTANCES", 30_000)
    monkeypatch.setattr(torch, "cdist", counted)
    distance, mode = nearest(x, centers)
    assert max(sizes) == 100
    assert mode.equal((x[:, None] - centers).norm(dim=2).argmin(1))
    torch.testing.assert_close(distance, (x - centers[mode]).norm(dim=1))


def noise(n: int) -> Tensor:
    return 4 * torch.rand(n, 2, generator=torch.Generator().manual_seed(0)) - 2


def test_perfect_sampler_captures_every_mode_evenly(perfect):
    found = mode_counts(perfect, CENTRES, RING.sigma)
    assert found.modes_captured == 8
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.003)
    assert found.histogram == pytest.approx([found.high_quality / 8] * 8, abs=0.01)
    assert reverse_kl(found.histogram, EVEN) == pytest.approx(0, abs=0.002)


def test_one_point_is_one_mode(perfect):
    found = mode_counts(CENTRES[3:4].expand(100, 2), CENTRES, RING.sigma)
    assert (found.modes_captured, found.high_quality, found.largest) == (1, 1, 1)
    assert reverse_kl(found.histogram, EVEN) == pytest.approx(math.log(8))


def test_noise_has_no_quality_and_spreads_over_all_modes():
    found = mode_counts(noise(5000), CENTRES, RING.sigma)
    assert found.high_quality < 0.02
    assert found.largest < 0.2


def test_reverse_kl_without_high_quality_is_infinite():
    found = mode_counts(torch.full((10, 2), 50.0), CENTRES, RING.sigma)
    assert found.modes_captured == 0
    assert reverse_kl(found.histogram, EVEN) == math.inf


def test_quality_ends_at_three_sigma():
    sigma = torch.tensor([[2.99 * 0.5, 0.0], [3.01 * 0.5, 0.0]])
    assert mode_counts(sigma, torch.zeros(1, 2), 0.5).high_quality == 0.5


def test_cells_have_the_mass_of_their_shells(true):
    counts = torch.bincount(cells(true, CENTRES, RING.sigma), minlength=8 * CELLS_PER_MODE)
    by_shell = counts.reshape(8, 5, 4).sum((0, 2)) / len(true)
    beyond = math.exp(-4.5)
    assert by_shell.tolist() == pytest.approx([0.25, 0.25, 0.25, 0.25 - beyond, beyond], abs=0.01)
    by_sector = counts.reshape(8, 5, 4).sum((0, 1)) / len(true)
    assert by_sector.tolist() == pytest.approx([0.25] * 4, abs=0.012)


def test_divergence_of_a_perfect_sampler_is_its_sampling_floor(perfect, true):
    found = mixture_divergence(perfect, true, CENTRES, RING.sigma)
    floor = 8 * CELLS_PER_MODE / 8 * (1 / len(perfect) + 1 / len(true))
    assert 0 < found < 1.5 * floor


def test_divergence_of_half_the_modes_and_of_noise(true):
    half = true[true[:, 1] + 0.1 * true[:, 0] > 0]  # four of the eight modes
    # p against p restricted to half its mass: log 2 - 3/4 log (3/2) - ... by the definition
    exact = 0.5 * (0.5 * math.log(2 / 3) + 0.5 * math.log(2) + math.log(4 / 3))
    found = mixture_divergence(half, true, CENTRES, RING.sigma)
    assert found == pytest.approx(exact, abs=0.02)
    assert mixture_divergence(noise(20_000), true, CENTRES, RING.sigma) > 0.6


def test_jensen_shannon_extremes():
    apart = jensen_shannon(torch.tensor([1, 0]), torch.tensor([0, 1]))
    assert apart == pytest.approx(math.log(2))
    assert optimal_critic_loss(apart) == pytest.approx(0)
    same = jensen_shannon(torch.tensor([2, 6]), torch.tensor([1, 3]))
    assert same == pytest.approx(0, abs=1e-12)
    assert optimal_critic_loss(same) == pytest.approx(2 * math.log(2))


def test_optimal_critic_loss_of_the_original_gan():
    from gan_zoo.losses import GAN, ScoredBatch

    p, q = torch.tensor([0.7, 0.3]).double(), torch.tensor([0.2, 0.8]).double()
    score = (p / q).log()  # D* = p / (p + q) as a logit
    counts = [(1000 * share).round().long() for share in (p, q)]
    real, fake = (score.repeat_interleave(count) for count in counts)
    loss = GAN().critic(ScoredBatch(real, real), ScoredBatch(fake, fake)).item()
    assert loss == pytest.approx(optimal_critic_loss(jensen_shannon(*counts)))


def test_sliced_wasserstein_of_a_shift():
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    lines = directions(64, 2, torch.Generator())
    shifted = sliced_wasserstein(x, x + torch.tensor([3.0, 4.0]), lines)
    assert shifted == pytest.approx(5 / math.sqrt(2), rel=1e-4)
    assert sliced_wasserstein(x, x[torch.randperm(500)], lines) == 0
    with pytest.raises(ValueError, match="pairs 500 samples with 499"):
        sliced_wasserstein(x, x[1:], lines)


def test_sliced_wasserstein_ranks_perfect_first(perfect, true):
    lines = directions(64, 2, torch.Generator())
    floor = sliced_wasserstein(perfect, true, lines)
    assert floor < 0.05
    assert sliced_wasserstein(CENTRES[:1].expand(20_000, 2), true, lines) > 10 * floor
    assert sliced_wasserstein(noise(20_000), true, lines) > 5 * floor


def test_directions_are_unit_vectors():
    lines = directions(50, 5, torch.Generator().manual_seed(0))
    assert torch.allclose(lines.norm(dim=1), torch.ones(50).double())


def test_grid_has_all_its_modes():
    grid = Grid(count=5000)
    found = mode_counts(grid.load("train").x, torch.tensor(grid.centers()), grid.sigma)
    assert found.modes_captured == 25
