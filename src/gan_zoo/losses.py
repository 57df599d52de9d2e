"""What the critic and the generator minimise: one frozen dataclass per loss, its formula in it.

Sign: a score is higher for more real samples, raw (no sigmoid). The loss-sensitive papers minimise
a loss L that is small on real samples: their L is our -score.
Shapes: scores are (..., N) and every loss reduces the last axis by its mean; hyper-parameters may
be tensors that broadcast, so the same formula serves one run (N,) and a stack of runs (S, N).
The formulas are pure: no networks, no optimizers, no devices. torch is imported where it is used,
so that settings can be checked without waiting for it.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from gan_zoo.divergences import FDivergence, softplus
from gan_zoo.schema import Fraction, NonNegativeFloat, Range, SettingError, settings

if TYPE_CHECKING:
    from torch import Tensor


class Scored(NamedTuple):
    """Samples x (..., N, *sample shape) with their scores (..., N): margins need the samples."""

    x: "Tensor"
    score: "Tensor"


class Loss:
    """What every loss says of itself, and what each of the two players minimises."""

    title: ClassVar[str]  # full name, authors, year
    formula: ClassVar[str]  # what the two players minimise; D(x) is the score
    pairs_generator: ClassVar[bool] = False  # whether `generator` must be given real samples too

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        """What the critic minimises, shape (...)."""
        raise NotImplementedError

    def generator(self, fake: Scored, real: Scored | None = None) -> "Tensor":
        """What the generator minimises, shape (...)."""
        raise NotImplementedError

    def note(self) -> str:
        """What a user should know of these hyper-parameters, or nothing."""
        return ""

    def meters(self, real: Scored, fake: Scored) -> "dict[str, Tensor]":
        """Quantities worth logging beside the loss, each of shape (...)."""
        return {}


@settings
class GAN(Loss):
    """Generative adversarial nets, Goodfellow et al. 2014 (arXiv:1406.2661), on logits.

    At p = q (score 0) the critic's loss is 2 log 2, the non-saturating generator's log 2 and the
    minimax generator's -log 2.
    """

    title = "GAN, Goodfellow et al. 2014"
    formula = (
        "D: E softplus(-D(x)) + E softplus(D(G(z))); "
        "G: E softplus(-D(G(z))) non-saturating, -E softplus(D(G(z))) minimax"
    )

    form: Literal["non_saturating", "minimax"] = "non_saturating"

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        return softplus(-real.score).mean(-1) + softplus(fake.score).mean(-1)

    def generator(self, fake: Scored, real: Scored | None = None) -> "Tensor":
        forms = {"non_saturating": -1, "minimax": 1}  # log D raised, or log(1 - D) lowered
        sign = forms[self.form]
        return -sign * softplus(sign * fake.score).mean(-1)


@settings
class LeastSquares(Loss):
    """Least squares GAN, Mao et al. 2017 (arXiv:1611.04076, eq. 9), with its factor 1/2.

    a codes fakes, b codes reals, c is what the generator wants the critic to say. With b - c = 1
    and b - a = 2 (as -1, 1, 0) the game minimises the Pearson chi-squared divergence.
    """

    title = "Least Squares GAN (LSGAN), Mao et al. 2017"
    formula = "D: 1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2; G: 1/2 E (D(G(z)) - c)^2"

    a: float = 0.0
    b: float = 1.0
    c: float = 1.0

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        real_term = (real.score - self.b).square().mean(-1)
        fake_term = (fake.score - self.a).square().mean(-1)
        return 0.5 * (real_term + fake_term)

    def generator(self, fake: Scored, real: Scored | None = None) -> "Tensor":
        return 0.5 * (fake.score - self.c).square().mean(-1)

    def note(self) -> str:
        if self.b - self.c == 1 and self.b - self.a == 2:
            return "b - c = 1 and b - a = 2: the game minimises the Pearson chi-squared divergence"
        return "not b - c = 1 and b - a = 2: no Pearson chi-squared divergence is minimised"


@settings
class Wasserstein(Loss):
    """Wasserstein GAN, Arjovsky et al. 2017 (arXiv:1701.07875, algorithm 1).

    Minus the critic's loss estimates the Wasserstein-1 distance, up to the Lipschitz constant.
    """

    title = "Wasserstein GAN (WGAN), Arjovsky et al. 2017"
    formula = "D: E D(G(z)) - E D(x); G: -E D(G(z))"

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        return fake.score.mean(-1) - real.score.mean(-1)

    def generator(self, fake: Scored, real: Scored | None = None) -> "Tensor":
        return -fake.score.mean(-1)


@settings
class Hinge(Loss):
    """Hinge loss, Lim & Ye 2017; Miyato et al. 2018 (arXiv:1802.05957, eqs. 16-17)."""

    title = "Hinge GAN, Lim & Ye 2017, Miyato et al. 2018"
    formula = "D: E (1 - D(x))_+ + E (1 + D(G(z)))_+; G: -E D(G(z))"

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        return (1 - real.score).relu().mean(-1) + (1 + fake.score).relu().mean(-1)

    def generator(self, fake: Scored, real: Scored | None = None) -> "Tensor":
        return -fake.score.mean(-1)


def _l1(difference: "Tensor") -> "Tensor":
    return difference.abs().mean(-1)


def _l2(difference: "Tensor") -> "Tensor":
    return difference.square().mean(-1).sqrt()


_DISTANCES = {"l1": _l1, "l2": _l2}


@settings
class LossSensitive(Loss):
    """Loss-sensitive GAN, Qi 2017 (arXiv:1701.06264): a fake's loss must exceed its real partner's.

    With L = -D, the critic minimises w E L(x) + E C(margin + L(x) - L(G(z))) over pairs of the i-th
    real and i-th fake sample, and the generator minimises E L(G(z)). The margin is a constant:
    neither player gets a gradient through it. A subclass that gives another `cost` is a new member
    of the family; its two conditions are checked when it is built.
    """

    title = "Loss-Sensitive GAN (LS-GAN), Qi 2017"
    formula = (
        "D: E (m(x, G(z)) + D(G(z)) - D(x))_+ - w E D(x); G: -E D(G(z)); "
        "m = margin_scale * distance(x, G(z)) per dimension"
    )

    # The authors' 0.0002 on the L1 sum over 3x64x64 and 0.0008 over 3x32x32 are both this, per
    # dimension, on images in [-1, 1].
    margin_scale: NonNegativeFloat = 2.4576
    distance: Literal["l1", "l2"] = "l1"
    real_weight: NonNegativeFloat = 0.0  # the paper's 1 / lambda

    def cost(self, a: "Tensor") -> "Tensor":
        """C(a): must be at least a everywhere, and equal to a where a >= 0."""
        return a.relu()

    def check(self) -> None:
        """Raises SettingError if `cost` breaks the paper's two conditions."""
        import torch

        a = torch.linspace(-20, 20, 4001, dtype=torch.float64)
        excess = self.cost(a) - a
        if (excess < -1e-9).any() or excess[..., a >= 0].abs().gt(1e-9).any():
            raise SettingError(
                "cost", type(self).__name__, "must have C(a) >= a, and = a for a >= 0"
            )

    def margin(self, real: Scored, fake: Scored) -> "Tensor":
        """Margin of each pair, shape (..., N), without gradient."""
        difference = (real.x - fake.x).detach().flatten(real.score.dim())
        return self.margin_scale * _DISTANCES[self.distance](difference)

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        cost = self.cost(self.margin(real, fake) + fake.score - real.score)
        return cost.mean(-1) - self.real_weight * real.score.mean(-1)

    def generator(self, fake: Scored, real: Scored | None = None) -> "Tensor":
        return -fake.score.mean(-1)

    def meters(self, real: Scored, fake: Scored) -> "dict[str, Tensor]":
        margin = self.margin(real, fake)
        violated = (real.score - fake.score < margin).to(margin.dtype)
        return {"margin/mean": margin.mean(-1), "margin/violated": violated.mean(-1)}


@settings
class GeneralizedLossSensitive(LossSensitive):
    """Generalized loss-sensitive GAN, Qi 2018 (arXiv:1701.06264): satisfied pairs count too.

    C(a) = max(a, slope * a). Slope 0 is LS-GAN, slope 1 has WGAN's critic gradients, slope -1 is
    the absolute value. A slope above 1 would break C(a) >= a.
    """

    title = "Generalized Loss-Sensitive GAN (GLS-GAN), Qi 2018"
    formula = (
        "D: E C(m(x, G(z)) + D(G(z)) - D(x)) - w E D(x), C(a) = max(a, slope a); G: -E D(G(z)); "
        "m = margin_scale * distance(x, G(z)) per dimension"
    )

    slope: Annotated[float, Range(le=1)] = 0.0

    def cost(self, a: "Tensor") -> "Tensor":
        # where, not max: at a = 0 the gradient is the slope, as in the author's code
        return a.where(a > 0, self.slope * a)


@settings
class GeneralizedLossSensitiveELU(LossSensitive):
    """Generalized loss-sensitive GAN with the exponential linear cost, Qi 2018 (arXiv:1701.06264).

    C(a) = a for a >= 0, alpha (e^a - 1) below. An alpha above 1 would break C(a) >= a.
    """

    title = "Generalized Loss-Sensitive GAN (GLS-GAN) with ELU cost, Qi 2018"
    formula = (
        "D: E C(m(x, G(z)) + D(G(z)) - D(x)) - w E D(x), C(a) = a or alpha (exp(a) - 1) if a < 0; "
        "G: -E D(G(z)); m = margin_scale * distance(x, G(z)) per dimension"
    )

    alpha: Fraction = 1.0

    def cost(self, a: "Tensor") -> "Tensor":
        # the clamp keeps the unused branch finite, and with it the gradient of the used one
        return a.where(a > 0, self.alpha * a.clamp(max=0).expm1())


@settings
class ConditionalLossSensitive(LossSensitive):
    """Conditional loss-sensitive GAN, Qi 2017 (arXiv:1701.06264, section 6), supervised part.

    The score is the critic's log-probability of the label, D(x, y) = log softmax_y a(x), so that
    L = -D is a classifier's cross entropy and argmin_y L(x, y) its prediction. Fakes carry the
    labels of the real samples they are paired with.
    """

    title = "Conditional Loss-Sensitive GAN (CLS-GAN), Qi 2017"
    formula = (
        "D: E (m(x, G(z, y)) + D(G(z, y), y) - D(x, y))_+ - w E D(x, y); G: -E D(G(z, y), y); "
        "D(x, y) = log softmax_y a(x), m = margin_scale * distance(x, G(z, y)) per dimension"
    )

    real_weight: NonNegativeFloat = 1.0


@settings
class PointwiseGeneralized(Loss):
    """The "GLS-GAN" of a well-known blog post and its code, which is not the paper's.

    The activation is applied to each score, not to the margin plus the difference of a pair: there
    is no margin and no pairing, and the activation stands in the generator's path too. With slope 0
    the generator gets no gradient from fakes that score below 0. Only slope 1 agrees with GLS-GAN
    (and WGAN), up to the factor 1/2.
    """

    title = "pointwise variant of GLS-GAN (activation on each score; not Qi's GLS-GAN)"
    formula = (
        "D: 1/2 (E C(D(G(z))) - E C(D(x))); G: -E C(D(G(z))); "
        "C(a) = a or slope a (leaky_relu) or slope (exp(a) - 1) (elu) if a < 0"
    )

    activation: Literal["leaky_relu", "elu"] = "leaky_relu"
    slope: Annotated[float, Range(le=1)] = 0.2

    def activate(self, score: "Tensor") -> "Tensor":
        """C of each score, shape (..., N)."""
        below = {"leaky_relu": score, "elu": score.clamp(max=0).expm1()}[self.activation]
        return score.where(score > 0, self.slope * below)

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        return 0.5 * (self.activate(fake.score).mean(-1) - self.activate(real.score).mean(-1))

    def generator(self, fake: Scored, real: Scored | None = None) -> "Tensor":
        return -self.activate(fake.score).mean(-1)


@settings
class FGAN(Loss):
    """f-GAN, Nowozin et al. 2016 (arXiv:1606.00709, eq. 6): any f-divergence by its conjugate.

    With T = g(D), g the divergence's output activation, the critic maximises
    E T(x) - E f*(T(G(z))). The generator minimises the same (minimax), or maximises E T(G(z))
    (non_saturating, their section 3.2).
    """

    title = "f-GAN, Nowozin et al. 2016"
    formula = (
        "D: E f*(T(G(z))) - E T(x); G: -E T(G(z)) non-saturating, -E f*(T(G(z))) minimax; T = g(D)"
    )

    divergence: FDivergence
    form: Literal["non_saturating", "minimax"] = "non_saturating"

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        attained = self.divergence.output(real.score).mean(-1)
        return self.divergence.conjugate(fake.score).mean(-1) - attained

    def generator(self, fake: Scored, real: Scored | None = None) -> "Tensor":
        forms = {"non_saturating": self.divergence.output, "minimax": self.divergence.conjugate}
        return -forms[self.form](fake.score).mean(-1)


@settings
class RelativisticPairing(Loss):
    """Relativistic pairing GAN, Jolicoeur-Martineau 2019 (arXiv:1807.00734); R3GAN's loss.

    The critic says how much more real a real sample is than its fake partner. With R1 and R2 this
    is the recipe of R3GAN, Huang et al. 2024 (arXiv:2501.05441).
    """

    title = "Relativistic pairing GAN, Jolicoeur-Martineau 2019 (with R1 + R2: R3GAN, 2024)"
    formula = "D: E softplus(D(G(z)) - D(x)); G: E softplus(D(x) - D(G(z)))"
    pairs_generator = True

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        return softplus(fake.score - real.score).mean(-1)

    def generator(self, fake: Scored, real: Scored | None = None) -> "Tensor":
        assert real is not None  # pairs_generator promises it
        return softplus(real.score - fake.score).mean(-1)


@settings
class RelativisticAverage(Loss):
    """Relativistic average GAN, Jolicoeur-Martineau 2019 (arXiv:1807.00734, eqs. 12-13)."""

    title = "Relativistic average GAN (RaGAN), Jolicoeur-Martineau 2019"
    formula = (
        "D: E softplus(E D(G(z)) - D(x)) + E softplus(D(G(z)) - E D(x)); "
        "G: E softplus(E D(x) - D(G(z))) + E softplus(D(x) - E D(G(z)))"
    )
    pairs_generator = True

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        return _above_average(real.score, fake.score)

    def generator(self, fake: Scored, real: Scored | None = None) -> "Tensor":
        assert real is not None  # pairs_generator promises it
        return _above_average(fake.score, real.score)


def _above_average(upper: "Tensor", lower: "Tensor") -> "Tensor":
    """What falls as `upper` rises above the mean of `lower`, and `lower` below that of `upper`."""
    above = softplus(lower.mean(-1, keepdim=True) - upper).mean(-1)
    return above + softplus(lower - upper.mean(-1, keepdim=True)).mean(-1)
