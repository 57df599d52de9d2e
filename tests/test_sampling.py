"""Sampling from a generator: grids, bytes, interpolations."""

import pytest
import torch
from torch import nn

from gan_zoo.data.dataset import Images
from gan_zoo.data.loader import to_bytes
from gan_zoo.sampling import Sampler, slerp


class Generator(nn.Module):
    """Samples of one pixel with the brightness of the latent vector."""

    def __init__(self, num_classes: int = 1):
        super().__init__()
        self.num_classes, self.sizes = num_classes, []

    def sample_z(self, count, rng):
        return torch.randn(count, 1, generator=rng)

    def forward(self, z, y):
        self.sizes.append(len(z))
        return z.reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("count", "chosen", "columns", "names"),
    [
        (None, (), 6, [*"abcdefghij"]),
        (None, (3, 1), 32, ["d", "b"]),
        (20, (), 2, [*"abcdefghij"]),
        (64, (4,), 8, ["e", *[""] * 7]),
    ],
)
def test_grid_has_a_row_for_each_class(monkeypatch, count, chosen, columns, names):
    sampler = Sampler(Generator(10).eval(), Images(), 0, tuple("abcdefghij"))
    count = count or sampler.grid_count(chosen)
    shown = {}
    monkeypatch.setattr(
        "gan_zoo.sampling.render", lambda _, x, *layout: shown.update(x=x, at=layout)
    )
    sampler.render(sampler.latent(count, 0), sampler.labels(count, chosen))
    assert (shown["at"][0] or 8, shown["at"][1]) == (columns, names)
    assert len(shown["x"]) == count


def test_files_hold_bytes_that_are_made_a_part_at_a_time():
    sampler = Sampler(Generator().eval(), Images(), 0)
    z, y = sampler.latent(1200, 0), sampler.labels(1200)
    stored = sampler.generate_stored(z, y)
    assert stored.dtype == torch.uint8
    assert stored.equal(to_bytes(sampler.generate(z, y)))
    assert max(sampler.generator.sizes) <= 500


@pytest.mark.parametrize("start", [[0.8], [0.8, 0.6]])
def test_opposite_latent_vectors_are_joined_by_a_line(start):
    ends = torch.tensor(start), -0.5 * torch.tensor(start)
    middle = slerp(*ends, torch.tensor(0.5))
    assert middle.tolist() == pytest.approx((0.25 * torch.tensor(start)).tolist())
