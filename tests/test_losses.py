"""Losses: hand formulas, identities, gradients, shapes, and classic mistakes."""

import dataclasses
import itertools
import math
import typing
from pathlib import Path

import pytest
import torch
import yaml

from gan_zoo import losses
from gan_zoo.losses import ScoredBatch, f_divergences
from gan_zoo.schema import ConfigError

CONFIGS = Path(__file__).parents[1] / "configs"

# Two pairs, not alike in any way: what a swapped sign, pair or axis would leave equal, differs.
# The first pair violates its margin, the second does not.
REAL = ScoredBatch(torch.tensor([[0.5, -1.0, 0.0], [2.0, 1.0, 0.5]]), torch.tensor([1.5, -0.5]))
FAKE = ScoredBatch(torch.tensor([[0.2, 0.4, 1.0], [1.0, 1.0, -0.5]]), torch.tensor([0.25, -3.0]))
# L1 per dimension: (0.3 + 1.4 + 1.0) / 3 = 0.9 and (1.0 + 0 + 1.0) / 3 = 2/3
MARGINS = [2.4576 * 0.9, 2.4576 * 2 / 3]


def sp(x):
    return math.log1p(math.exp(x))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def elu(x):
    return x if x > 0 else math.exp(x) - 1


def leaky(x):
    return x if x > 0 else 0.2 * x


def pairs(r, f, m):
    """Margin plus loss of the real less loss of the fake, where the loss is minus the score."""
    return [d + (-x) - (-g) for d, x, g in zip(m, r, f, strict=True)]


def above(u, v):
    return mean(sp(mean(v) - x) for x in u) + mean(sp(x - mean(u)) for x in v)


# What the critic minimizes of scores r and f and margins m, and the generator of r and f: plain
# Python, written from the papers and not from the project.
HAND = {
    "gan": (
        lambda r, f, m: mean(sp(-x) for x in r) + mean(sp(x) for x in f),
        lambda r, f: mean(sp(-x) for x in f),
    ),
    "lsgan": (
        lambda r, f, m: mean((x - 1) ** 2 for x in r) / 2 + mean(x**2 for x in f) / 2,
        lambda r, f: mean((x - 1) ** 2 for x in f) / 2,
    ),
    "lsgan_pearson": (
        lambda r, f, m: mean((x - 1) ** 2 for x in r) / 2 + mean((x + 1) ** 2 for x in f) / 2,
        lambda r, f: mean(x**2 for x in f) / 2,
    ),
    "wgan": (lambda r, f, m: mean(f) - mean(r), lambda r, f: -mean(f)),
    "hinge": (
        lambda r, f, m: mean(max(0, 1 - x) for x in r) + mean(max(0, 1 + x) for x in f),
        lambda r, f: -mean(f),
    ),
    "ls_gan": (lambda r, f, m: mean(max(a, 0) for a in pairs(r, f, m)), lambda r, f: -mean(f)),
    "glsgan": (lambda r, f, m: mean(max(a, 0) for a in pairs(r, f, m)), lambda r, f: -mean(f)),
    "glsgan_elu": (lambda r, f, m: mean(elu(a) for a in pairs(r, f, m)), lambda r, f: -mean(f)),
    "cls_gan": (
        lambda r, f, m: mean(max(a, 0) for a in pairs(r, f, m)) - mean(r),
        lambda r, f: -mean(f),
    ),
    "glsgan_pointwise": (
        lambda r, f, m: (mean(leaky(x) for x in f) - mean(leaky(x) for x in r)) / 2,
        lambda r, f: -mean(leaky(x) for x in f),
    ),
    "f_gan": (  # Jensen-Shannon: T = log 2 - softplus(-v), f*(T) = -log(2 - exp T)
        lambda r, f, m: (
            -mean(math.log(2) - sp(-x) for x in r)
            + mean(-math.log(2 - math.exp(math.log(2) - sp(-x))) for x in f)
        ),
        lambda r, f: -mean(math.log(2) - sp(-x) for x in f),
    ),
    "relativistic": (
        lambda r, f, m: mean(sp(g - x) for x, g in zip(r, f, strict=True)),
        lambda r, f: mean(sp(x - g) for x, g in zip(r, f, strict=True)),
    ),
    "relativistic_average": (lambda r, f, m: above(r, f), lambda r, f: above(f, r)),
}
YAMLS = sorted(path.stem for path in (CONFIGS / "loss").glob("*.yaml"))


def loss_of(name, **changes):
    node = yaml.safe_load((CONFIGS / "loss" / f"{name}.yaml").read_text())["loss"]
    cls = getattr(losses, node.pop("_target_").rpartition(".")[2])
    if cls is losses.FGAN:
        node["divergence"] = f_divergences.JensenShannon()
    return cls(**node | changes)


def scored_for(loss, real, fake):
    """Arguments of both formulas."""
    return loss.critic(real, fake), loss.generator(fake, real if loss.needs_real else None)


def test_every_loss_yaml_has_a_hand_formula():
    assert sorted(HAND) == YAMLS


@pytest.mark.parametrize("name", YAMLS)
def test_values_match_the_hand_formula(name):
    critic, generator = scored_for(loss_of(name), REAL, FAKE)
    r, f = REAL.score.tolist(), FAKE.score.tolist()
    assert critic.item() == pytest.approx(HAND[name][0](r, f, MARGINS), abs=1e-6)
    assert generator.item() == pytest.approx(HAND[name][1](r, f), abs=1e-6)


@pytest.mark.parametrize("name", YAMLS)
def test_gradients_match_the_hand_formula(name):
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(2, 7, 5, generator=rng, dtype=torch.float64)
    r, f = (2 * torch.randn(2, 7, generator=rng, dtype=torch.float64)).requires_grad_()
    m = (2.4576 * (x[0] - x[1]).abs().mean(-1)).tolist()
    values = scored_for(loss_of(name), ScoredBatch(x[0], r), ScoredBatch(x[1], f))
    hands = [lambda r, f: HAND[name][0](r, f, m), HAND[name][1]]
    for value, hand in zip(values, hands, strict=True):
        ours = torch.autograd.grad(value, [r, f], retain_graph=True, allow_unused=True)
        for which, gradient in enumerate(ours):
            expected = difference_quotients(hand, [r.tolist(), f.tolist()], which)
            got = torch.zeros(7) if gradient is None else gradient
            assert got.tolist() == pytest.approx(expected, abs=1e-7)


def difference_quotients(function, scores, which, width=1e-6):
    """Central differences of a function of two lists, in each entry of one of them."""

    def at(i, shift):
        moved = [list(s) for s in scores]
        moved[which][i] += shift
        return function(*moved)

    return [(at(i, width) - at(i, -width)) / (2 * width) for i in range(len(scores[which]))]


def is_number(hint):
    return hint is float or typing.get_args(hint)[:1] == (float,)


NUMBERS = (-1e3, -1.0, -1e-3, 0.0, 1e-3, 0.5, 0.999, 1.0, 1.001, 2.0, 1e3)


@pytest.mark.parametrize("name", YAMLS)
def test_allowed_numbers_give_finite_losses_and_gradients(name):
    """A number that would make nan is refused by its range: Annotated[float, Range(...)]."""
    numbers = [f.name for f in dataclasses.fields(loss_of(name)) if is_number(f.type)]
    for field, value in itertools.product(numbers, NUMBERS):
        try:
            loss = loss_of(name, **{field: value})
        except ConfigError:
            continue
        scores = [side.score.clone().requires_grad_() for side in (REAL, FAKE)]
        real, fake = (ScoredBatch(side.x, s) for side, s in zip((REAL, FAKE), scores, strict=True))
        for made in scored_for(loss, real, fake):
            found = torch.autograd.grad(made, scores, allow_unused=True)
            tensors = [made.detach(), *(g for g in found if g is not None)]
            assert all(t.isfinite().all() for t in tensors), f"{field}={value} makes {tensors}"


@pytest.mark.parametrize("name", YAMLS)
def test_stack_of_runs_gives_each_run_its_value(name):
    loss = loss_of(name)
    real = ScoredBatch(torch.randn(4, 6, 3, 2), torch.randn(4, 6))
    fake = ScoredBatch(torch.randn(4, 6, 3, 2), torch.randn(4, 6))
    stacked = scored_for(loss, real, fake)
    for run in range(4):
        solo = scored_for(
            loss,
            ScoredBatch(real.x[run], real.score[run]),
            ScoredBatch(fake.x[run], fake.score[run]),
        )
        for one, many in zip(solo, stacked, strict=True):
            assert many.shape == (4,)
            torch.testing.assert_close(many[run], one)


def critic_gradients(loss, real=REAL, fake=FAKE):
    """Gradients of the critic's loss with respect to real and fake scores."""
    scores = [real.score.clone().requires_grad_(), fake.score.clone().requires_grad_()]
    value = loss.critic(ScoredBatch(real.x, scores[0]), ScoredBatch(fake.x, scores[1]))
    return torch.autograd.grad(value, scores)


def test_slope_one_has_wgan_critic_gradients():
    slope_one = critic_gradients(losses.GeneralizedLossSensitive(slope=1.0))
    for ours, wgans in zip(slope_one, critic_gradients(losses.Wasserstein()), strict=True):
        torch.testing.assert_close(ours, wgans)


def test_slope_zero_is_lsgan_and_minus_one_absolute():
    satisfied = ScoredBatch(REAL.x, REAL.score + 10 * torch.tensor([1.0, 0.0]))
    ls_gan, glsgan = losses.LossSensitive(), losses.GeneralizedLossSensitive
    torch.testing.assert_close(
        glsgan(slope=0.0).critic(satisfied, FAKE), ls_gan.critic(satisfied, FAKE)
    )
    differences = torch.tensor(pairs(satisfied.score.tolist(), FAKE.score.tolist(), MARGINS))
    absolute = glsgan(slope=-1.0).critic(satisfied, FAKE)
    torch.testing.assert_close(absolute, differences.abs().mean())


def test_slope_may_be_a_tensor_per_run():
    real = ScoredBatch(torch.randn(3, 5, 2), torch.randn(3, 5) + 2)
    fake = ScoredBatch(torch.randn(3, 5, 2), torch.randn(3, 5))
    slopes = torch.tensor([[-1.0], [0.0], [1.0]])
    stacked = losses.GeneralizedLossSensitive(slope=slopes).critic(real, fake)
    for run, slope in enumerate([-1.0, 0.0, 1.0]):
        solo = losses.GeneralizedLossSensitive(slope=slope)
        value = solo.critic(
            ScoredBatch(real.x[run], real.score[run]), ScoredBatch(fake.x[run], fake.score[run])
        )
        torch.testing.assert_close(stacked[run], value)
    with pytest.raises(ConfigError, match="at most 1"):
        losses.GeneralizedLossSensitive(slope=torch.tensor([[0.0], [1.5]]))


@pytest.mark.parametrize("slope", [-1.0, 0.0, 0.3])
def test_gradient_at_zero_is_the_slope(slope):
    a = torch.zeros(1, requires_grad=True)
    losses.GeneralizedLossSensitive(slope=slope).cost(a).sum().backward()
    assert a.grad.item() == pytest.approx(slope)


@pytest.mark.parametrize(
    "loss", [losses.LossSensitive(), losses.GeneralizedLossSensitive(slope=-1)]
)
def test_margins_are_detached_and_per_pair(loss):
    x_real, x_fake = REAL.x.clone().requires_grad_(), FAKE.x.clone().requires_grad_()
    score = x_fake.sum(-1)
    value = loss.critic(ScoredBatch(x_real, REAL.score), ScoredBatch(x_fake, score.detach()))
    assert not value.requires_grad  # nothing but the scores could have carried one
    margin = loss.margin(REAL, FAKE)
    torch.testing.assert_close(margin, torch.tensor(MARGINS))
    loss.generator(ScoredBatch(x_fake, score)).backward()
    torch.testing.assert_close(x_fake.grad, torch.full_like(x_fake, -1 / 2))  # of the score alone


def test_satisfied_pair_has_the_gradient_of_the_slope():
    no_leak = critic_gradients(losses.LossSensitive())
    assert no_leak[0].tolist() == [-0.5, 0.0]
    assert no_leak[1].tolist() == [0.5, 0.0]
    small = critic_gradients(losses.GeneralizedLossSensitive(slope=0.5))
    assert small[0].tolist() == [-0.5, -0.25]


def test_costs_apply_before_the_mean():
    real = ScoredBatch(torch.zeros(2, 1), torch.tensor([5.0, -5.0]))
    fake = ScoredBatch(torch.zeros(2, 1), torch.zeros(2))
    assert losses.LossSensitive().critic(real, fake).item() == 2.5  # the mean pair would give 0
    assert losses.LeastSquares(a=0, b=0, c=0).critic(real, fake).item() == 12.5


def test_gan_at_its_optimum():
    at = ScoredBatch(torch.zeros(4, 1), torch.zeros(4))
    assert losses.GAN().critic(at, at).item() == pytest.approx(2 * math.log(2))
    assert losses.GAN().generator(at).item() == pytest.approx(math.log(2))
    assert losses.GAN(form="minimax").generator(at).item() == pytest.approx(-math.log(2))


def test_minimax_generator_gradient_vanishes():
    def gradient(form):
        score = torch.tensor([-20.0], requires_grad=True)
        losses.GAN(form=form).generator(ScoredBatch(torch.zeros(1, 1), score)).backward()
        return score.grad.item()

    assert gradient("non_saturating") == pytest.approx(-1, abs=1e-6)
    assert -1e-8 < gradient("minimax") < 0  # the right direction, and next to nothing of it


@pytest.mark.parametrize(
    ("codes", "score", "critic", "generator"),
    [((0, 1, 1), 0.5, 0.25, 0.125), ((-1, 1, 0), 0.0, 1.0, 0.0)],
)
def test_least_squares_at_its_equilibrium(codes, score, critic, generator):
    loss = losses.LeastSquares(**dict(zip("abc", codes, strict=True)))
    at = ScoredBatch(torch.zeros(3, 1), torch.full((3,), score))
    assert loss.critic(at, at).item() == pytest.approx(critic)
    assert loss.generator(at).item() == pytest.approx(generator)


def test_name_of_a_divergence_is_refused_with_the_module_of_its_classes():
    with pytest.raises(ConfigError, match=r"in Python, an object .* gan_zoo.losses.f_divergences$"):
        losses.FGAN(divergence="kl")


def test_least_squares_remarks_on_pearson_divergence():
    assert loss_of("lsgan_pearson").remark().startswith("c = (a + b) / 2: minimizes")
    assert loss_of("lsgan").remark().startswith("not c = (a + b) / 2: does not")
    assert losses.LeastSquares(a=1.0, b=1.0, c=1.0).remark().startswith("not")


@pytest.mark.parametrize("codes", [(-1, 1, 0), (-2, 2, 0), (0, 1, 0.5), (0.1, 0.7, 0.4), (0, 1, 1)])
def test_least_squares_minimizes_a_multiple_of_the_pearson_divergence_where_it_says_so(codes):
    """By eq. 5 and 6 of Mao et al. 2017: the best critic is (b p + a q) / (p + q)."""
    a, b, c = codes
    ratios = []
    for shares in (0.3, 0.7), (0.05, 0.6):
        p, q = (torch.tensor([share, 1 - share]) for share in shares)
        best = (b * p + a * q) / (p + q)
        cost = ((p + q) * (best - c).square()).sum()
        ratios.append((cost / ((2 * q - p - q).square() / (p + q)).sum()).item())
    says = losses.LeastSquares(a=a, b=b, c=c).remark().startswith("c =")
    assert says == (ratios[0] == pytest.approx(ratios[1], rel=1e-4))


def test_hinge_is_two_at_score_zero():
    at = ScoredBatch(torch.zeros(3, 1), torch.zeros(3))
    assert losses.Hinge().critic(at, at).item() == 2


def test_pointwise_variant_has_no_gradient_below_zero():
    score = torch.tensor([-1.0, 1.0], requires_grad=True)
    losses.PointwiseGeneralized(slope=0.0).generator(
        ScoredBatch(torch.zeros(2, 1), score)
    ).backward()
    assert score.grad.tolist() == [0.0, -0.5]


@pytest.mark.parametrize("name", ["glsgan", "glsgan_elu", "ls_gan", "cls_gan"])
def test_extreme_scores_give_finite_values_and_gradients(name):
    real = ScoredBatch(REAL.x, torch.tensor([1e4, -1e4]))
    fake = ScoredBatch(FAKE.x, torch.tensor([-1e4, 1e4]))
    loss = loss_of(name)
    assert loss.critic(real, fake).isfinite()
    assert all(g.isfinite().all() for g in critic_gradients(loss, real, fake))


@pytest.mark.parametrize(
    ("build", "key"),
    [
        (lambda: losses.GeneralizedLossSensitive(slope=1.01), "slope"),
        (lambda: losses.GeneralizedLossSensitive(slope=math.nan), "slope"),
        (lambda: losses.GeneralizedLossSensitiveELU(alpha=1.5), "alpha"),
        (lambda: losses.GeneralizedLossSensitiveELU(alpha=-0.1), "alpha"),
        (lambda: losses.LossSensitive(margin_scale=-1), "margin_scale"),
        (lambda: losses.LossSensitive(distance="l3"), "distance"),
        (lambda: losses.GAN(form="saturating"), "form"),
        (lambda: losses.LeastSquares(a="zero"), "a"),
        (lambda: f_divergences.Alpha(alpha=1), "alpha"),
        (lambda: f_divergences.Alpha(alpha=0.95), "alpha"),
        (lambda: f_divergences.WeightedJensenShannon(pi=1.0), "pi"),
    ],
)
def test_invalid_hyperparameters_are_refused_by_name(build, key):
    with pytest.raises(ConfigError) as refused:
        build()
    assert refused.value.key == key


def test_custom_cost_must_meet_both_conditions():
    from torch.nn.functional import softplus

    from gan_zoo.schema import settings

    @settings
    class Huber(losses.LossSensitive):
        def cost(self, a):
            return a.where(a > 0, 0.5 * a.square().clamp(max=1))

    violated, satisfied = pairs(REAL.score.tolist(), FAKE.score.tolist(), MARGINS)
    expected = (violated + 0.5 * satisfied**2) / 2
    assert Huber().critic(REAL, FAKE).item() == pytest.approx(expected)

    @settings
    class TooSteep(losses.LossSensitive):
        def cost(self, a):
            return a.where(a > 0, 2 * a)

    @settings
    class Soft(losses.LossSensitive):
        def cost(self, a):
            return softplus(a)

    for broken in (TooSteep, Soft):
        with pytest.raises(ConfigError, match=broken.__name__):
            broken()


DIVERGENCES = {
    "total_variation": f_divergences.TotalVariation(),
    "kl": f_divergences.KL(),
    "reverse_kl": f_divergences.ReverseKL(),
    "pearson": f_divergences.Pearson(),
    "neyman": f_divergences.Neyman(),
    "squared_hellinger": f_divergences.SquaredHellinger(),
    "jeffrey": f_divergences.Jeffrey(),
    "jensen_shannon": f_divergences.JensenShannon(),
    "weighted_jensen_shannon": f_divergences.WeightedJensenShannon(pi=0.3),
    "gan": f_divergences.GAN(),
    "alpha": f_divergences.Alpha(alpha=0.4),
    "alpha above 1": f_divergences.Alpha(alpha=2.5),
    "alpha below 0": f_divergences.Alpha(alpha=-0.5),
}
# the convex function f(u) of each, as the paper has it
F = {
    "total_variation": lambda u: 0.5 * (u - 1).abs(),
    "kl": lambda u: u * u.log(),
    "reverse_kl": lambda u: -u.log(),
    "pearson": lambda u: (u - 1).square(),
    "neyman": lambda u: (1 - u).square() / u,
    "squared_hellinger": lambda u: (u.sqrt() - 1).square(),
    "jeffrey": lambda u: (u - 1) * u.log(),
    "jensen_shannon": lambda u: u * u.log() - (u + 1) * ((1 + u) / 2).log(),
    "weighted_jensen_shannon": lambda u: (
        0.3 * u * u.log() - (0.7 + 0.3 * u) * (0.7 + 0.3 * u).log()
    ),
    "gan": lambda u: u * u.log() - (u + 1) * (u + 1).log(),
    "alpha": lambda u: (u**0.4 - 1 - 0.4 * (u - 1)) / (0.4 * (0.4 - 1)),
    "alpha above 1": lambda u: (u**2.5 - 1 - 2.5 * (u - 1)) / (2.5 * (2.5 - 1)),
    "alpha below 0": lambda u: (u**-0.5 - 1 + 0.5 * (u - 1)) / (-0.5 * (-0.5 - 1)),
}


def test_every_divergence_yaml_is_tested():
    yamls = {path.stem for path in (CONFIGS / "loss" / "divergence").glob("*.yaml")}
    assert yamls == {name for name in DIVERGENCES if " " not in name}


@pytest.mark.parametrize("name", DIVERGENCES)
def test_conjugates_equal_the_supremum(name):
    divergence = DIVERGENCES[name]
    v = torch.tensor([-2.5, -1.0, -0.3, 0.0, 0.4, 1.0, 2.0], dtype=torch.float64)
    u = torch.logspace(-7, 7, 400_001, dtype=torch.float64)
    supremum = (divergence.output(v)[:, None] * u - F[name](u)).max(-1).values
    torch.testing.assert_close(divergence.conjugate(v), supremum, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_divergences_are_zero_at_one_and_monotonic(name):
    divergence = DIVERGENCES[name]
    one = F[name](torch.ones(1, dtype=torch.float64)).item()
    assert one == pytest.approx(-math.log(4) if name == "gan" else 0, abs=1e-12)
    v = torch.linspace(-4, 4, 50, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(divergence.output(v).sum(), v)
    assert (slope > 0).all()
    assert torch.autograd.gradcheck(divergence.conjugate, v)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_divergences_are_finite_in_single_precision(name):
    v = torch.tensor([-40.0, 40.0], requires_grad=True)
    value = DIVERGENCES[name].conjugate(v).sum() + DIVERGENCES[name].output(v).sum()
    value.backward()
    assert value.isfinite()
    assert v.grad.isfinite().all()


@pytest.mark.parametrize(("alpha", "largest"), [(-1.0, 150.0), (0.5, 80.0)])
def test_alpha_divergence_has_gradients_at_large_scores(alpha, largest):
    v = torch.tensor([39.9, 40.1, largest], requires_grad=True)
    value = f_divergences.Alpha(alpha=alpha).conjugate(v)
    (slope,) = torch.autograd.grad(value.sum(), v)
    power, exact = alpha / (alpha - 1), v.detach().double()
    raised = (power * (math.log(1 - alpha) - exact)).exp()  # softplus(-v) is exp(-v)
    torch.testing.assert_close(value.double(), (raised - 1) / alpha, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(slope.double(), -power * raised / alpha, rtol=1e-4, atol=1e-30)


@pytest.mark.parametrize("pi", [0.2, 0.5])
def test_weighted_jensen_shannon_is_linear_in_large_scores(pi):
    v = torch.tensor([39.9, 40.1, 95.0, 110.0, 1e6], requires_grad=True)
    value = f_divergences.WeightedJensenShannon(pi=pi).conjugate(v)
    value.sum().backward()
    other = 1 - pi
    torch.testing.assert_close(value, other * (math.log(other) + math.log(pi) + v))
    torch.testing.assert_close(v.grad, torch.full_like(v, other))


def test_f_gan_with_gan_divergence_is_gan():
    for form in ("non_saturating", "minimax"):
        f_gan, gan = losses.FGAN(divergence=f_divergences.GAN(), form=form), losses.GAN(form=form)
        torch.testing.assert_close(f_gan.critic(REAL, FAKE), gan.critic(REAL, FAKE))
        torch.testing.assert_close(f_gan.generator(FAKE), gan.generator(FAKE))


def test_margin_metrics_count_violated_pairs():
    metrics = losses.LossSensitive().metrics(REAL, FAKE)
    assert metrics["margin/violated"].item() == 0.5
    assert metrics["margin/mean"].item() == pytest.approx(mean(MARGINS))


def test_l2_margin_is_the_root_mean_square():
    loss = losses.LossSensitive(distance="l2", margin_scale=2.0)
    expected = [2 * math.sqrt((0.09 + 1.96 + 1) / 3), 2 * math.sqrt(2 / 3)]
    torch.testing.assert_close(loss.margin(REAL, FAKE), torch.tensor(expected))
