"""Losses of scores alone: GAN, least squares, Wasserstein, hinge, f-GAN, relativistic."""

import math
from typing import TYPE_CHECKING, Literal

from gan_zoo.losses.f_divergences import FDivergence, softplus
from gan_zoo.losses.loss import Loss, ScoredBatch
from gan_zoo.schema import settings

if TYPE_CHECKING:
    from torch import Tensor


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

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        return softplus(-real.score).mean(-1) + softplus(fake.score).mean(-1)

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        if self.form == "minimax":
            return -softplus(fake.score).mean(-1)
        return softplus(-fake.score).mean(-1)


@settings
class LeastSquares(Loss):
    """Least squares GAN, Mao et al. 2017 (arXiv:1611.04076, eq. 9), with its factor 1/2.

    a is the critic's target for fakes, b for real samples, c the generator's for fakes. With
    b - c = 1 and b - a = 2 (as -1, 1, 0) the Pearson chi-squared divergence is minimized, with any
    c halfway between a and b a multiple of it: (b - c)^2.
    """

    title = "Least Squares GAN (LSGAN), Mao et al. 2017"
    formula = "D: 1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2; G: 1/2 E (D(G(z)) - c)^2"

    a: float = 0.0
    b: float = 1.0
    c: float = 1.0

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        real_term = (real.score - self.b).square().mean(-1)
        fake_term = (fake.score - self.a).square().mean(-1)
        return 0.5 * (real_term + fake_term)

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        return 0.5 * (fake.score - self.c).square().mean(-1)

    def remark(self) -> str:
        if math.isclose(self.b - self.c, self.c - self.a) and self.b != self.a:
            return "c = (a + b) / 2: minimizes the Pearson chi-squared divergence"
        return "not c = (a + b) / 2: does not minimize the Pearson chi-squared divergence"


@settings
class Wasserstein(Loss):
    """Wasserstein GAN, Arjovsky et al. 2017 (arXiv:1701.07875, algorithm 1).

    Minus the critic's loss estimates the Wasserstein-1 distance, up to the Lipschitz constant.
    """

    title = "Wasserstein GAN (WGAN), Arjovsky et al. 2017"
    formula = "D: E D(G(z)) - E D(x); G: -E D(G(z))"

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        return fake.score.mean(-1) - real.score.mean(-1)

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        return -fake.score.mean(-1)


@settings
class Hinge(Loss):
    """Hinge loss, Lim & Ye 2017; Miyato et al. 2018 (arXiv:1802.05957, eqs. 16-17)."""

    title = "Hinge GAN, Lim & Ye 2017, Miyato et al. 2018"
    formula = "D: E (1 - D(x))_+ + E (1 + D(G(z)))_+; G: -E D(G(z))"

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        return (1 - real.score).relu().mean(-1) + (1 + fake.score).relu().mean(-1)

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        return -fake.score.mean(-1)


@settings
class FGAN(Loss):
    """f-GAN, Nowozin et al. 2016 (arXiv:1606.00709, eq. 6): any f-divergence by its conjugate.

    With T = g(D), g the divergence's output activation, the critic maximizes
    E T(x) - E f*(T(G(z))). The generator minimizes the same (minimax), or maximizes E T(G(z))
    (non_saturating, their section 3.2).
    """

    title = "f-GAN, Nowozin et al. 2016"
    formula = (
        "D: E f*(T(G(z))) - E T(x); G: -E T(G(z)) non-saturating, -E f*(T(G(z))) minimax; T = g(D)"
    )

    divergence: FDivergence
    form: Literal["non_saturating", "minimax"] = "non_saturating"

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        real_term = self.divergence.output(real.score).mean(-1)
        return self.divergence.conjugate(fake.score).mean(-1) - real_term

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        if self.form == "minimax":
            return -self.divergence.conjugate(fake.score).mean(-1)
        return -self.divergence.output(fake.score).mean(-1)


@settings
class RelativisticPairing(Loss):
    """Relativistic pairing GAN, Jolicoeur-Martineau 2019 (arXiv:1807.00734); R3GAN's loss.

    The critic compares each real sample with its fake partner. With R1 and R2 this is the recipe of
    R3GAN, Huang et al. 2024 (arXiv:2501.05441).
    """

    title = "Relativistic pairing GAN, Jolicoeur-Martineau 2019 (with R1 + R2: R3GAN, 2024)"
    formula = "D: E softplus(D(G(z)) - D(x)); G: E softplus(D(x) - D(G(z)))"
    needs_real = True

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        return softplus(fake.score - real.score).mean(-1)

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        assert real is not None  # guaranteed by needs_real
        return softplus(real.score - fake.score).mean(-1)


@settings
class RelativisticAverage(Loss):
    """Relativistic average GAN, Jolicoeur-Martineau 2019 (arXiv:1807.00734, eqs. 12-13)."""

    title = "Relativistic average GAN (RaGAN), Jolicoeur-Martineau 2019"
    formula = (
        "D: E softplus(E D(G(z)) - D(x)) + E softplus(D(G(z)) - E D(x)); "
        "G: E softplus(E D(x) - D(G(z))) + E softplus(D(x) - E D(G(z)))"
    )
    needs_real = True

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        return _above_average(real, fake)

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        assert real is not None  # guaranteed by needs_real
        return _above_average(fake, real)


def _above_average(upper: ScoredBatch, lower: ScoredBatch) -> "Tensor":
    """Penalize `upper` below the mean of `lower`, and `lower` above the mean of `upper`."""
    upper_mean, lower_mean = (
        batch.ranks.average(batch.score.mean(-1, keepdim=True)) for batch in (upper, lower)
    )
    above = softplus(lower_mean - upper.score).mean(-1)
    return above + softplus(lower.score - upper_mean).mean(-1)
