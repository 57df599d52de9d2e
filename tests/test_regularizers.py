"""Regularizers: closed forms on critics with known gradients, and their effects on weights."""

import pytest
import torch
from torch import nn

from gan_zoo import regularizers
from gan_zoo.architectures import dcgan, mlp
from gan_zoo.regularizers import PenaltyBatch, RandomNumbers, gradient_penalties
from gan_zoo.schema import ConfigError

Y = torch.zeros(6, dtype=torch.int64)


class Quadratic(nn.Module):
    """D(x) = |x|^2 / 2 of each sample: its gradient is x, its gradient's norm |x|."""

    def __init__(self, sample_dimensions):
        super().__init__()
        self.sample_dimensions = sample_dimensions

    def forward(self, x, y):
        return 0.5 * x.square().flatten(-self.sample_dimensions).sum(-1)


def images(seed, *lead):
    return torch.randn(*lead, 6, 3, 4, 4, generator=torch.Generator().manual_seed(seed))


def random_numbers(counts, *lead, seed=0):
    rng = torch.Generator().manual_seed(seed)
    pairs = zip(counts, (torch.rand, torch.randn), strict=True)
    return RandomNumbers(*(draw(*lead, n, generator=rng) if n else None for n, draw in pairs))


def penalized(regularizer, real, fake, y=Y, critic=None):
    """The penalty, by default of a quadratic critic, with the same random numbers each time."""
    numbers = random_numbers(regularizer.penalty_counts(real.shape[y.dim() :]), *y.shape)
    return regularizer.penalty(critic or Quadratic(3), PenaltyBatch(real, fake, y, numbers))


def transformed(regularizer, x, seed=0):
    counts = regularizer.transform_counts(x.shape[1:])
    return regularizer.transform(x, random_numbers(counts, len(x), seed=seed))


def norms(x, lead=1):
    return x.flatten(lead).norm(dim=-1)


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        (regularizers.R1(weight=10), lambda r, f: 5 * norms(r).square().mean()),
        (regularizers.R2(weight=4), lambda r, f: 2 * norms(f).square().mean()),
        (
            regularizers.GradientPenalty(weight=10, at="reals"),
            lambda r, f: 10 * (norms(r) - 1).square().mean(),
        ),
        (
            regularizers.GradientPenalty(weight=3, at="fakes", target=0),
            lambda r, f: 3 * norms(f).square().mean(),
        ),
        (
            regularizers.GradientPenalty(weight=2, at="fakes", target=7, one_sided=True),
            lambda r, f: 2 * (norms(f) - 7).clamp(min=0).square().mean(),
        ),
    ],
)
def test_penalties_have_their_closed_form(regularizer, expected):
    real, fake = images(0), 0.3 * images(1) + 1
    penalty = penalized(regularizer, real, fake)
    torch.testing.assert_close(penalty, expected(real, fake))


def test_interpolates_lie_between_each_pair():
    real, fake = images(0), images(1)
    point = gradient_penalties.interpolate(real, fake, random_numbers((1, 0), 6).uniform)
    shares = ((point - real) / (fake - real)).flatten(1)
    assert ((shares >= 0) & (shares <= 1)).all()
    assert shares.std(dim=1).max() < 1e-3  # the same for every pixel of a sample
    assert shares.mean(1).unique().numel() == 6  # and another for every sample


@pytest.mark.parametrize("regularizer", [regularizers.GradientPenalty(), regularizers.Dragan()])
@pytest.mark.parametrize("combined", [False, True])
def test_penalty_without_its_random_numbers_is_refused(regularizer, combined):
    whole = regularizers.Combined(parts={"one": regularizer}) if combined else regularizer
    with pytest.raises(ValueError, match=r"needs PenaltyBatch\(numbers=RandomNumbers\(uniform="):
        whole.penalty(Quadratic(3), PenaltyBatch(images(0), images(1), Y))
    numbers = RandomNumbers(torch.rand(6, whole.penalty_counts((3, 4, 4)).uniform))
    batch = PenaltyBatch(images(0), images(1), Y, numbers=numbers)
    assert whole.penalty(Quadratic(3), batch) > 0


def test_gradient_penalty_of_equal_pairs():
    real = images(0)
    penalty = penalized(regularizers.GradientPenalty(weight=10), real, real)
    torch.testing.assert_close(penalty, 10 * (norms(real) - 1).square().mean())


def test_dragan_points_are_within_half_a_deviation():
    seen = []

    class Watching(Quadratic):
        def forward(self, x, y):
            seen.append(x)
            return super().forward(x, y)

    real = images(0)
    penalized(regularizers.Dragan(), real, images(1) + 1000, critic=Watching(3))
    shift = seen[0] - real
    assert shift.min() >= 0
    assert shift.max() < 0.5 * real.std() + 1e-6
    assert shift.std() > 0.05 * real.std()


def test_deviation_does_not_depend_on_the_number_of_threads():
    before, found = torch.get_num_threads(), []
    batches = [
        torch.randn(64, 1, 28, 28, generator=torch.Generator().manual_seed(n)) for n in range(30)
    ]
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(
            [gradient_penalties._deviation(PenaltyBatch(x, x, torch.zeros(64))) for x in batches]
        )
    torch.set_num_threads(before)
    assert found[0] == found[1]
    torch.testing.assert_close(found[0][0].squeeze(), batches[0].std())


@pytest.mark.parametrize(
    "regularizer",
    [
        regularizers.R1(),
        regularizers.R2(),
        regularizers.GradientPenalty(at="fakes"),
        regularizers.GradientPenalty(),
        regularizers.Dragan(),
    ],
)
def test_stack_of_runs_is_penalized_per_run(regularizer):
    real, fake = images(0, 2), images(1, 2)
    real[1] = 0  # one run's samples must not reach into the other's penalty
    stacked = penalized(regularizer, real, fake, Y.expand(2, 6))
    other = real.clone()
    other[1] = 5
    again = penalized(regularizer, other, fake, Y.expand(2, 6))
    assert stacked.shape == (2,)
    torch.testing.assert_close(stacked[0], again[0])


@pytest.mark.parametrize(
    "regularizer", [regularizers.R1(), regularizers.GradientPenalty(), regularizers.Dragan()]
)
def test_penalties_have_gradients_for_the_critic_only(regularizer):
    critic = mlp.critic((1, 4, 4), 1, hidden=(8,), activation="tanh")
    real = torch.randn(6, 1, 4, 4)
    fake = torch.randn(6, 1, 4, 4, requires_grad=True)
    penalized(regularizer, real, fake, critic=critic).backward()
    weights = [p for p in critic.parameters() if p.dim() > 1]
    assert all(p.grad.abs().sum() > 0 for p in weights)
    assert fake.grad is None


def test_penalty_of_zero_gradient_has_finite_gradient():
    x = torch.zeros(6, 2)
    critic = mlp.critic((2,), 1, hidden=(4,), activation="tanh")
    for parameter in critic.parameters():
        nn.init.zeros_(parameter)
    penalized(regularizers.GradientPenalty(), x, x, critic=critic).backward()
    assert all(p.grad.isfinite().all() for p in critic.parameters() if p.dim() > 1)


@pytest.mark.parametrize(
    "regularizer",
    [
        regularizers.GradientPenalty(),
        regularizers.R1(),
        regularizers.R2(),
        regularizers.Dragan(),
        regularizers.Combined(parts={"clip": regularizers.WeightClip(), "r1": regularizers.R1()}),
    ],
)
def test_gradient_penalties_refuse_batch_norm(regularizer):
    with pytest.raises(ConfigError, match="use layer, group or none") as refused:
        regularizer.prepare(dcgan.critic((1, 16, 16), 1, width=4, norm="batch"))
    assert refused.value.key == "architecture.critic.norm"
    for norm in ("layer", "group", "none"):
        regularizer.prepare(dcgan.critic((1, 16, 16), 1, width=4, norm=norm))


def test_weight_clipping_of_all_parameters_or_weights():
    critic = dcgan.critic((1, 16, 16), 1, width=4)
    regularizers.WeightClip(bound=0.01, parameters="weights").after_step(list(critic.parameters()))
    assert max(p.abs().max().item() for p in critic.parameters() if p.dim() > 1) <= 0.01
    assert max(p.abs().max().item() for p in critic.parameters()) > 0.9  # batch norm's scales
    regularizers.WeightClip(bound=0.01).after_step(list(critic.parameters()))
    assert max(p.abs().max().item() for p in critic.parameters()) <= 0.01


def test_weight_projection_scales_large_weights_only():
    critic = nn.Linear(2, 2, bias=True)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[1.0, -3.0], [0.0, 4.0]]))  # mean |w| = 2
        critic.bias.copy_(torch.tensor([0.01, -0.02]))
    regularizers.WeightProjection(bound=0.5).after_step(list(critic.parameters()))
    torch.testing.assert_close(critic.weight.data, torch.tensor([[0.25, -0.75], [0.0, 1.0]]))
    torch.testing.assert_close(critic.bias.data, torch.tensor([0.01, -0.02]))
    zero = nn.Linear(1, 1)
    nn.init.zeros_(zero.weight)
    regularizers.WeightProjection(bound=0.5).after_step(list(zero.parameters()))
    assert zero.weight.item() == 0


def test_spectral_norm_has_singular_value_one():
    critic = dcgan.critic((1, 16, 16), 1, width=4, norm="none")
    regularizers.SpectralNorm().prepare(critic)
    x, y = torch.randn(4, 1, 16, 16), torch.zeros(4, dtype=torch.int64)
    for _ in range(200):
        critic(x, y)
    for module in critic.modules():
        if isinstance(module, nn.Conv2d):
            values = torch.linalg.svdvals(module.weight.detach().flatten(1))
            assert values[0].item() == pytest.approx(1, abs=1e-3)


def test_spectral_norm_bounds_convolutions_of_any_dimension():
    critic = nn.Sequential(nn.Conv1d(2, 4, 3), nn.ConvTranspose1d(4, 2, 3), nn.Flatten())
    regularizers.SpectralNorm().prepare(critic)
    for _ in range(200):
        critic(torch.randn(4, 2, 8))
    first, second = (critic[i].weight.detach() for i in (0, 1))
    for matrix in (first.flatten(1), second.transpose(0, 1).flatten(1)):
        assert torch.linalg.svdvals(matrix)[0].item() == pytest.approx(1, abs=1e-3)


def test_power_iteration_runs_in_training_only():
    critic = mlp.critic((16,), 1, hidden=(8,))
    regularizers.SpectralNorm().prepare(critic)
    vectors = {name: b for name, b in critic.named_buffers() if name.endswith("_u")}
    assert len(vectors) == 2
    x, y = torch.randn(4, 16), torch.zeros(4, dtype=torch.int64)
    before = {name: b.clone() for name, b in vectors.items()}
    critic.eval()(x, y)
    assert all(torch.equal(before[name], b) for name, b in vectors.items())
    layer = next(module for module in critic.modules() if isinstance(module, nn.Linear))
    weight = layer.parametrizations.weight.original.detach()
    u, v = (getattr(layer.parametrizations.weight[0], name).clone() for name in ("_u", "_v"))
    critic.train()(x, y)
    u = nn.functional.normalize(weight @ v, dim=0)
    v = nn.functional.normalize(weight.T @ u, dim=0)
    torch.testing.assert_close(layer.parametrizations.weight[0]._u, u)
    torch.testing.assert_close(layer.parametrizations.weight[0]._v, v)


def test_combined_regularizers_add_penalties_and_all_act():
    clip, r1, r2 = regularizers.WeightClip(bound=0.1), regularizers.R1(), regularizers.R2(weight=1)
    several = regularizers.Combined(parts={"clip": clip, "r1": r1, "r2": r2})
    real, fake = images(0), images(1)
    expected = penalized(r1, real, fake) + penalized(r2, real, fake)
    torch.testing.assert_close(penalized(several, real, fake), expected)
    assert several.has_penalty
    assert not regularizers.Combined(parts={"clip": clip}).has_penalty
    linear = nn.Linear(3, 3)
    several.after_step(list(linear.parameters()))
    assert linear.weight.abs().max() <= 0.1
    with pytest.raises(ConfigError, match="must be a regularizer"):
        regularizers.Combined(parts={"x": 3})


class Counted(Quadratic):
    """Counts its passes."""

    passes = 0

    def __call__(self, x, y):
        self.passes += 1
        return super().__call__(x, y)


class Doubled(regularizers.R2):
    """A penalty with a formula of its own."""

    def penalty(self, critic, batch):
        return 2 * super().penalty(critic, batch)


def test_combined_penalties_make_one_pass_unless_they_have_their_own_formula():
    several = {"r1": regularizers.R1(), "gp": regularizers.GradientPenalty(at="fakes")}
    critic, real, fake = Counted(3), images(0), images(1)
    penalty = penalized(regularizers.Combined(parts=several), real, fake, critic=critic)
    assert critic.passes == 1
    torch.testing.assert_close(penalty, sum(penalized(r, real, fake) for r in several.values()))
    several["own"] = Doubled()
    penalty = penalized(regularizers.Combined(parts=several), real, fake, critic=critic)
    assert critic.passes == 3
    torch.testing.assert_close(penalty, sum(penalized(r, real, fake) for r in several.values()))


def center_and_size(x):
    """Of each image's light: mean column and row, standard deviation along both."""
    light = (x[:, 0] + 1).flatten(1).unsqueeze(-1)
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in x.shape[2:]), indexing="ij")
    places = torch.stack([columns, rows], -1).flatten(0, 1).float()
    center = (light * places).sum(1) / light.sum(1)
    spread = ((light * (places - center[:, None]) ** 2).sum(1) / light.sum(1)).sqrt()
    return center, spread


def bar():
    """200 copies of an image with a bright upright bar in the middle."""
    x = torch.full((200, 1, 33, 33), -1.0)
    x[:, :, 10:23, 15:18] = 1.0
    return x


def test_augmentation_shifts_each_image_within_bounds():
    moved = transformed(regularizers.Augmentation(shift=0.2), bar())
    center, spread = center_and_size(moved)
    offset = (center - 16) / 33
    assert 0.19 < offset.abs().max() < 0.2
    assert offset.mean(0).abs().max() < 0.03
    assert offset.T.corrcoef()[0, 1].abs() < 0.2
    assert torch.allclose(spread, center_and_size(bar())[1], atol=0.15)  # bilinear: a little wider


def test_augmentation_rotates_wide_images_without_shear():
    x = torch.full((200, 1, 33, 99), -1.0)
    x[:, :, 15:18, 44:55] = 1.0
    turned = transformed(regularizers.Augmentation(shift=0, rotation=90), x)
    size = (center_and_size(turned)[1] ** 2).sum(1).sqrt()
    assert torch.allclose(size, (center_and_size(x)[1] ** 2).sum(1).sqrt(), rtol=0.03)


def test_augmentation_flips_half_of_the_images():
    aside = bar().roll(3, 3)
    flipped = transformed(regularizers.Augmentation(shift=0, flip=True), aside)
    other = (flipped - aside.flip(3)).abs().amax((1, 2, 3)) < 1e-3
    assert ((flipped - aside).abs().amax((1, 2, 3)) < 1e-3).equal(~other)
    assert 70 < other.sum() < 130


def test_augmentation_rotates_and_scales_about_the_center():
    turned = transformed(regularizers.Augmentation(shift=0, rotation=90), bar())
    center, spread = center_and_size(turned)
    assert torch.allclose(center, torch.tensor(16.0), atol=1e-3)
    assert (spread[:, 0] > 2 * spread[:, 1]).any()  # some lie,
    assert (spread[:, 1] > 2 * spread[:, 0]).any()  # some stand
    scaled = transformed(regularizers.Augmentation(shift=0, scale=0.3), bar())
    heights = center_and_size(scaled)[1][:, 1] / center_and_size(bar())[1][0, 1]
    assert 1 / 1.32 < heights.min() < 1 / 1.2
    assert 1 / 0.8 < heights.max() < 1 / 0.68


def test_augmentation_is_differentiable_with_border_padding():
    x = torch.full((4, 2, 8, 6), 0.25, requires_grad=True)
    moved = transformed(regularizers.Augmentation(shift=0.5, rotation=30, scale=0.2), x)
    assert torch.allclose(moved, x)  # nothing dark enters from outside
    moved.sum().backward()
    assert torch.allclose(x.grad.sum((1, 2, 3)), torch.tensor(2 * 8 * 6.0))


@pytest.mark.parametrize("shape", [(8, 6), (5, 1), (1, 1)])
def test_augmentation_of_older_torch_has_the_same_values_and_a_second_derivative(
    monkeypatch, shape
):
    augmentation = regularizers.Augmentation(shift=0.5, rotation=90, scale=0.5, flip=True)
    x = torch.randn(3, 2, *shape, dtype=torch.float64, requires_grad=True)
    numbers = random_numbers(augmentation.transform_counts(x.shape[1:]), len(x))
    numbers = RandomNumbers(numbers.uniform.double())
    expected = augmentation.transform(x, numbers)
    monkeypatch.setattr(torch, "__version__", "2.11.0")
    moved = augmentation.transform(x, numbers)
    torch.testing.assert_close(moved, expected)
    (slope,) = torch.autograd.grad(moved.pow(3).sum(), x, create_graph=True)
    (other,) = torch.autograd.grad(expected.pow(3).sum(), x, create_graph=True)
    torch.testing.assert_close(slope, other)
    (second,) = torch.autograd.grad(slope.pow(2).sum(), x)
    torch.testing.assert_close(second, torch.autograd.grad(other.pow(2).sum(), x)[0])


def test_augmentation_adds_noise_to_points_and_images():
    for x in (torch.zeros(500, 2), torch.zeros(50, 1, 8, 8)):
        noisy = transformed(regularizers.Augmentation(shift=0.25, noise=0.1), x)
        assert noisy.std() == pytest.approx(0.1, rel=0.1)
    assert torch.equal(
        transformed(regularizers.Augmentation(noise=0.0), x[:, 0, 0, :2]), x[:, 0, 0, :2]
    )


def test_combined_regularizers_share_no_random_numbers():
    parts = {"gp": regularizers.GradientPenalty(), "dragan": regularizers.Dragan()}
    parts |= {"noise": regularizers.Augmentation(noise=0.1)}
    several, real, fake = regularizers.Combined(parts=parts), images(0), images(1)
    assert several.penalty_counts((3, 4, 4)) == (1 + 49, 0)
    assert several.transform_counts((3, 4, 4)) == (4, 48)
    numbers = random_numbers((50, 0), 6)
    given = [RandomNumbers(numbers.uniform[:, :1]), RandomNumbers(numbers.uniform[:, 1:])]
    apart = [
        part.penalty(Quadratic(3), PenaltyBatch(real, fake, Y, own))
        for part, own in zip(parts.values(), given, strict=False)
    ]
    together = several.penalty(Quadratic(3), PenaltyBatch(real, fake, Y, numbers))
    torch.testing.assert_close(together, sum(apart))
