"""What the critic and the generator minimise: one frozen dataclass per loss, its formula in it.

Sign: a score is higher for more real samples, raw (no sigmoid). The loss-sensitive papers minimise
a loss L that is small on real samples: their L is our -score.
Shapes: scores are (..., N) and every loss reduces the last axis by its mean; hyper-parameters may
be tensors that broadcast, so the same formula serves one run (N,) and a stack of runs (S, N).
The formulas are pure: no networks, no optimizers, no devices. torch is imported where it is used,
so that settings can be checked without waiting for it.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from gan_zoo.schema import NonNegativeFloat, Range, SettingError, settings

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

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        """What the critic minimises, shape (...)."""
        raise NotImplementedError

    def generator(self, fake: Scored) -> "Tensor":
        """What the generator minimises, shape (...)."""
        raise NotImplementedError

    def meters(self, real: Scored, fake: Scored) -> "dict[str, Tensor]":
        """Quantities worth logging beside the loss, each of shape (...)."""
        return {}


def softplus(x: "Tensor") -> "Tensor":
    """log(1 + exp(x)), without overflow."""
    from torch.nn.functional import softplus

    return softplus(x)


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

    def generator(self, fake: Scored) -> "Tensor":
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

    def generator(self, fake: Scored) -> "Tensor":
        return 0.5 * (fake.score - self.c).square().mean(-1)


@settings
class Wasserstein(Loss):
    """Wasserstein GAN, Arjovsky et al. 2017 (arXiv:1701.07875, algorithm 1).

    Minus the critic's loss estimates the Wasserstein-1 distance, up to the Lipschitz constant.
    """

    title = "Wasserstein GAN (WGAN), Arjovsky et al. 2017"
    formula = "D: E D(G(z)) - E D(x); G: -E D(G(z))"

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        return fake.score.mean(-1) - real.score.mean(-1)

    def generator(self, fake: Scored) -> "Tensor":
        return -fake.score.mean(-1)


@settings
class Hinge(Loss):
    """Hinge loss, Lim & Ye 2017; Miyato et al. 2018 (arXiv:1802.05957, eqs. 16-17)."""

    title = "Hinge GAN, Lim & Ye 2017, Miyato et al. 2018"
    formula = "D: E (1 - D(x))_+ + E (1 + D(G(z)))_+; G: -E D(G(z))"

    def critic(self, real: Scored, fake: Scored) -> "Tensor":
        return (1 - real.score).relu().mean(-1) + (1 + fake.score).relu().mean(-1)

    def generator(self, fake: Scored) -> "Tensor":
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

    def generator(self, fake: Scored) -> "Tensor":
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
