"""Interpolations between latent vectors."""

import pytest
import torch

from gan_zoo.sampling import slerp


@pytest.mark.parametrize("start", [[0.8], [0.8, 0.6]])
def test_opposite_latent_vectors_are_joined_by_a_line(start):
    ends = torch.tensor(start), -0.5 * torch.tensor(start)
    middle = slerp(*ends, torch.tensor(0.5))
    assert middle.tolist() == pytest.approx((0.25 * torch.tensor(start)).tolist())
