"""Feature metrics against independent implementations and known answers."""

import math

import pytest
import torch
from torch import Tensor

from gan_zoo.metrics.distances import (
    Gaussian,
    fit,
    frechet_distance,
    kernel_distance,
    polynomial_mmd,
)
from gan_zoo.metrics.precision_recall import (
    Gathered,
    distance_blocks,
    manifold,
    nearest,
    neighbor_distances,
)

ABSENT = "a test-only reference, in the dev extra"


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=rng(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def clouds() -> tuple[Tensor, Tensor]:
    """Two clouds of unlike shape whose coordinates are correlated."""
    mixing = normal(16, 16, 3)
    return normal(700, 16, 1) @ mixing, 0.8 * normal(600, 16, 2) @ mixing.T + 0.5


def test_frechet_distance_agrees_with_torch_fidelity(clouds):
    metric_fid = pytest.importorskip("torch_fidelity.metric_fid", reason=ABSENT)
    statistics = [metric_fid.fid_features_to_statistics(cloud.float()) for cloud in clouds]
    expected = metric_fid.fid_statistics_to_metric(*statistics, verbose=False)
    found = frechet_distance(*(fit(cloud) for cloud in clouds))
    assert found == pytest.approx(next(iter(expected.values())), rel=1e-4)


def test_frechet_distance_agrees_with_torchmetrics(clouds):
    fid = pytest.importorskip("torchmetrics.image.fid", reason=ABSENT)
    statistics = [part for cloud in clouds for part in fit(cloud)]
    expected = fid._compute_fid(*statistics).item()
    assert frechet_distance(*(fit(cloud) for cloud in clouds)) == pytest.approx(expected, rel=1e-4)


def test_frechet_distance_of_gaussians_by_hand():
    a = Gaussian(torch.zeros(2).double(), torch.diag(torch.tensor([1.0, 4.0]).double()))
    b = Gaussian(torch.tensor([3.0, 0.0]).double(), torch.diag(torch.tensor([9.0, 4.0]).double()))
    assert frechet_distance(a, b) == pytest.approx(9 + (3 - 1) ** 2)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_of_fewer_samples_than_features():
    x = normal(20, 50, 5)
    assert frechet_distance(fit(x), fit(x + 1)) == pytest.approx(50, rel=1e-6)


def test_frechet_distance_is_never_negative():
    assert all(frechet_distance(fit(x), fit(x)) >= 0 for x in (normal(5, 20, k) for k in range(50)))


def test_wide_samples_are_compared_in_small_blocks():
    wide = torch.zeros(30, 2_000_000, dtype=torch.uint8)
    sizes = [rows.stop - rows.start for rows, _ in distance_blocks(wide, wide[:2])]
    assert sizes == [5] * 6


def test_nearest_reads_a_bank_in_another_order():
    x = torch.randint(256, (50, 3, 4, 4), dtype=torch.uint8)
    order = torch.randperm(50)[:20]
    queries = torch.randint(256, (7, 48), dtype=torch.uint8)
    gathered, index = nearest(queries, Gathered(x, order))
    copied, expected = nearest(queries, x[order].flatten(1))
    assert torch.equal(gathered, copied)
    assert torch.equal(index, expected)


def test_kernel_distance_agrees_with_torch_fidelity(clouds):
    metric_kid = pytest.importorskip("torch_fidelity.metric_kid", reason=ABSENT)
    a, b = (cloud[:500] for cloud in clouds)
    expected = metric_kid.kid_features_to_metric(
        a.float(), b.float(), kid_subsets=1, kid_subset_size=500, verbose=False
    )
    found = kernel_distance(a, b, rng(0), size=500)
    assert found.value == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-4)


def test_kernel_distance_agrees_with_torchmetrics(clouds):
    kid = pytest.importorskip("torchmetrics.image.kid", reason=ABSENT)
    a, b = (cloud[:600] for cloud in clouds)  # it assumes equal numbers
    expected = kid.poly_mmd(a, b).item()
    assert polynomial_mmd(a, b).item() == pytest.approx(expected, rel=1e-4)


def test_kernel_distance_is_unbiased_with_its_error():
    same = kernel_distance(normal(400, 8, 1), normal(400, 8, 2), rng(0), subsets=50, size=100)
    far = kernel_distance(normal(400, 8, 1), normal(400, 8, 2) + 1, rng(0), subsets=50, size=100)
    assert abs(same.value) < 0.05 < 1 < far.value
    assert 0 < same.error < 0.02
    whole = kernel_distance(normal(50, 8, 1), normal(50, 8, 2), rng(0))
    assert math.isnan(whole.error)
    assert math.isfinite(whole.value)


def test_kernel_distance_of_two_pairs_by_hand():
    # k(x, x') = (0 + 1)^3, k(y, y') = (4/2 + 1)^3, k(x, y) = (0 + 1)^3 throughout
    x = torch.zeros(2, 2)
    y = torch.tensor([[2.0, 0.0], [2.0, 0.0]])
    assert polynomial_mmd(x, y).item() == pytest.approx(1 + 27 - 2)


def test_manifold_agrees_with_prdc(clouds):
    prdc = pytest.importorskip("prdc", reason=ABSENT)
    found = manifold(*clouds)
    arrays = [cloud.numpy() for cloud in clouds]
    narrow, wide = (prdc.compute_prdc(*arrays, nearest_k=k) for k in (3, 5))
    assert found.precision == pytest.approx(narrow["precision"], rel=1e-4)
    assert found.recall == pytest.approx(narrow["recall"], rel=1e-4)
    assert found.density == pytest.approx(wide["density"], rel=1e-4)
    assert found.coverage == pytest.approx(wide["coverage"], rel=1e-4)


def test_density_and_coverage_of_equal_gaussians():
    # Naeem et al. 2020, lemmas 2 and 3: expected density 1, coverage 1 - 2^-5 for many samples.
    # (10,000 samples in 1000 dimensions, k = 5 throughout: .477, .471, 1.056, .974, as published.)
    found = manifold(normal(2500, 8, 1), normal(2500, 8, 2))
    assert found.density == pytest.approx(1, abs=0.04)
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.012)


def test_manifold_separates_diversity_and_fidelity():
    real = torch.cat([normal(300, 4, 1), normal(300, 4, 2) + 20])
    one_half = manifold(real, normal(300, 4, 3))
    assert one_half.precision > 0.9
    assert one_half.recall < 0.55
    assert one_half.coverage < 0.55
    noise = manifold(real, 60 * torch.rand(300, 4, generator=rng(4)) - 20)
    assert noise.precision < 0.05
    assert noise.density < 0.05
    assert noise.coverage < 0.05


def test_ball_edge_counts_for_precision_not_coverage():
    real = torch.arange(8.0)[:, None].double()  # the 1st has its 3rd nearest at 3, its 5th at 5
    fake = torch.full((8, 1), -3.0).double()
    assert manifold(real, fake).precision == 1
    fake = torch.full((8, 1), -5.0).double()
    assert manifold(real, fake).coverage == 0


def test_distances_do_not_depend_on_the_blocks():
    a, b = normal(2300, 3, 1), normal(50, 3, 2)
    joined = torch.cat([block for _, block in distance_blocks(a, b)])
    assert torch.allclose(joined.sqrt(), torch.cdist(a, b), atol=1e-9)
    distance, index = nearest(a, b)
    assert torch.equal(index, torch.cdist(a, b).argmin(1))
    assert torch.allclose(distance, torch.cdist(a, b).amin(1), atol=1e-9)


def test_sample_is_not_its_own_neighbor():
    x = torch.arange(1500.0)[:, None]
    assert torch.equal(neighbor_distances(x, 1), torch.ones(1500, 1).double())
    with pytest.raises(ValueError, match="need more than"):
        neighbor_distances(x[:3], 3)


def test_one_repeated_sample_is_bad_by_every_metric(clouds):
    real = clouds[0]
    fake = real[:1].expand(600, -1)
    found = manifold(real, fake)
    assert found.recall < 0.02
    assert found.coverage < 0.05
    floor = frechet_distance(fit(real[:350]), fit(real[350:]))
    assert frechet_distance(fit(real), fit(fake)) > 5 * floor
    assert kernel_distance(real, fake, rng(0), subsets=5, size=300).value > 0.1
    assert math.isfinite(frechet_distance(fit(real), fit(fake)))
