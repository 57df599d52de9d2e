"""Mixtures: their centers, weights and samples."""

import math

import pytest
import torch

from gan_zoo.data.glyphs import Glyphs
from gan_zoo.data.mixtures import Grid, Ring, Spiral
from gan_zoo.schema import ConfigError


def test_ring_modes_are_evenly_spaced():
    centers = torch.tensor(Ring(modes=8, radius=2.0).centers())
    assert len(centers.unique(dim=0)) == 8
    gaps = (centers - centers.roll(1, 0)).norm(dim=1)
    assert torch.allclose(gaps, torch.full((8,), 2 * 2.0 * math.sin(math.pi / 8)), atol=1e-5)


def test_grid_has_the_published_25_modes():
    expected = {(float(u), float(v)) for u in (-4, -2, 0, 2, 4) for v in (-4, -2, 0, 2, 4)}
    assert set(Grid().centers()) == expected


def test_spiral_winds_outwards_in_nearly_even_steps():
    spiral = Spiral(modes=100, turns=2.0, radius=3.0)
    centers = torch.tensor(spiral.centers(), dtype=torch.float64)
    radii = centers.norm(dim=1)
    assert (radii.diff() > 0).all()
    assert radii[-1] == pytest.approx(3.0)
    angles = torch.atan2(centers[:, 1], centers[:, 0])
    assert int((angles.diff() < -3).sum()) == 2  # passes the negative x-axis once a turn
    steps = centers.diff(dim=0).norm(dim=1)[10:]
    assert steps.max() < 1.2 * steps.min()


def test_samples_follow_the_weights_and_sigma():
    mixture = Ring(modes=4, sigma=0.05, weights=(1.0, 2.0, 3.0, 4.0), count=40_000)
    x = mixture.load().x
    nearest = torch.cdist(x, torch.tensor(mixture.centers())).argmin(1)
    shares = nearest.bincount() / len(x)
    assert torch.allclose(shares, torch.tensor([0.1, 0.2, 0.3, 0.4]), atol=0.01)
    noise = x - torch.tensor(mixture.centers())[nearest]
    for mode in range(4):
        own = noise[nearest == mode]
        assert own.std(0).tolist() == pytest.approx([0.05, 0.05], rel=0.05)
        assert own.mean(0).tolist() == pytest.approx([0, 0], abs=0.005)


def test_mixture_splits_and_seeds_differ_and_repeat():
    train, test = (Spiral(count=500).load(split) for split in ("train", "test"))
    assert not set(map(tuple, train.x.tolist())) & set(map(tuple, test.x.tolist()))
    assert train.fingerprint() == Spiral(count=500).load().fingerprint()
    assert train.fingerprint() != Spiral(count=500, seed=1).load().fingerprint()


def test_weights_must_match_modes():
    with pytest.raises(ConfigError, match=r"weights=\[1.0, 2.0\]: must have 8 entries"):
        Ring(weights=(1.0, 2.0))
    with pytest.raises(ConfigError, match=r"weights=.*: must have a finite sum"):
        Ring(modes=2, weights=(1e308, 1e308))


@pytest.mark.parametrize("dataset", [Ring(count=9, seed=10**30), Glyphs(count=9, seed=10**30)])
def test_seeds_of_any_size_draw_samples(dataset):
    assert len(dataset.load("test")) > 0
