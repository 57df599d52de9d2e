"""The loss-sensitive family: a margin between the losses of paired real and fake samples."""

import math
from typing import TYPE_CHECKING, Annotated, Literal

from gan_zoo.losses.loss import Loss, ScoredBatch
from gan_zoo.schema import ConfigError, Fraction, NonNegativeFloat, Range, settings

if TYPE_CHECKING:
    from torch import Tensor


@settings
class LossSensitive(Loss):
    """Loss-sensitive GAN, Qi 2017 (arXiv:1701.06264): a fake's loss must exceed its real partner's.

    With L = -D, the critic minimizes w E L(x) + E C(margin + L(x) - L(G(z))) over pairs of the i-th
    real and i-th fake sample, and the generator minimizes E L(G(z)). The margin is detached. A
    subclass with another `cost` is a new member of the family; the two conditions on `cost` are
    checked when it is built.
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
        """Return C(a), which must be at least a, and equal to a where a >= 0."""
        return a.relu()

    def check(self) -> None:
        """Raises ConfigError if `cost` breaks the paper's two conditions."""
        import torch

        a = torch.linspace(-20, 20, 4001, dtype=torch.float64)
        excess = self.cost(a) - a
        if (excess < -1e-9).any() or excess[..., a >= 0].abs().gt(1e-9).any():
            raise ConfigError(
                "cost", type(self).__name__, "must have C(a) >= a, and = a for a >= 0"
            )

    def margin(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        """Return the margin of each pair, shape (..., N), detached."""
        difference = (real.x - fake.x).detach().flatten(real.score.dim())
        if self.distance == "l1":
            return self.margin_scale * difference.abs().mean(-1)
        return self.margin_scale * difference.square().mean(-1).sqrt()

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        from torch import is_tensor

        cost = self.cost(self.margin(real, fake) + fake.score - real.score).mean(-1)
        if not is_tensor(self.real_weight) and not self.real_weight:
            return cost  # saves six of about a hundred operations of a small step
        return cost - self.real_weight * real.score.mean(-1)

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        return -fake.score.mean(-1)

    def metrics(self, real: ScoredBatch, fake: ScoredBatch) -> "dict[str, Tensor]":
        margin = self.margin(real, fake)
        violated = (real.score - fake.score < margin).to(margin.dtype)
        return {"margin/mean": margin.mean(-1), "margin/violated": violated.mean(-1)}


@settings
class GeneralizedLossSensitive(LossSensitive):
    """Generalized loss-sensitive GAN, Qi 2018 (arXiv:1701.06264): satisfied pairs count, too.

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
        from torch import is_tensor
        from torch.nn import functional

        # at a = 0 the gradient is the slope, as in the author's code
        if is_tensor(self.slope):  # one for each run of a stack
            return a.where(a > 0, self.slope * a)
        return functional.leaky_relu(a, self.slope)


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
        # the clamp keeps the unused branch finite, and so the gradient of the used one
        return a.where(a > 0, self.alpha * a.clamp(max=0).expm1())


@settings
class ConditionalLossSensitive(LossSensitive):
    """Conditional loss-sensitive GAN, Qi 2017 (arXiv:1701.06264, sections 6 and 7).

    The score is the critic's log-probability of the label, D(x, y) = log softmax_y a(x), so that
    L = -D is a classifier's cross entropy and argmin_y L(x, y) its prediction. Fakes carry the
    labels of the real samples they are paired with.

    Unlabeled samples add unlabelled_weight times the same terms of L_ul(x) = min_y L(x, y). Their
    pseudo-labels come from the critic's moving average on unaugmented samples: a critic that trusts
    its own noisy predictions learns nothing from them. With `confidence_power` q a pseudo-label
    counts by p^q, p being the critic's probability of it: the generalized cross entropy of
    Zhang & Sabuncu 2018 (arXiv:1805.07836), which is robust to wrong labels. The paper's is 0.
    """

    title = "Conditional Loss-Sensitive GAN (CLS-GAN), Qi 2017"
    formula = (
        "D: p E (m(x, G(z, y)) + D(G(z, y), y) - D(x, y))_+ - w E D(x, y); G: -E D(G(z, y), y); "
        "D(x, y) = log softmax_y a(x), m = margin_scale * distance(x, G(z, y)) per dimension; "
        "for unlabeled samples + u times the same for y = argmax_y of the averaged D(x, y)"
    )
    semi_supervised = True

    real_weight: NonNegativeFloat = 1.0
    pair_weight: NonNegativeFloat = 1.0  # the paper's lambda; 0 trains a classifier only
    unlabelled_weight: NonNegativeFloat = 1.0  # the paper's gamma
    confidence_power: NonNegativeFloat = 0.0

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        cost = self.cost(self.margin(real, fake) + fake.score - real.score)
        confidence = (self.confidence_power * real.score.detach()).exp()
        each = self.pair_weight * cost - self.real_weight * real.score
        return self._mean(each, real, confidence)

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        return self._mean(-fake.score, fake)

    def check_unlabeled(self, x: "Tensor", num_classes: int) -> None:
        """Raises ConfigError for margins that no critic can satisfy without labels.

        The least of K cross entropies is at most log K.
        """
        half = len(x) // 2
        parts = x[:half], x[half : 2 * half]
        pair = (ScoredBatch(part, part.flatten(1).sum(1)) for part in parts)
        margin, limit = self.margin(*pair).mean().item(), math.log(num_classes)
        if self.pair_weight and margin > limit:
            allowed = (
                f"must be at most {self.margin_scale * limit / margin:.3g} for unlabeled samples: "
                f"margins of {margin:.3g} are above log {num_classes} = {limit:.3g}, "
                "the most that an unlabeled sample's loss can be"
            )
            raise ConfigError("loss.margin_scale", self.margin_scale, allowed)

    def _mean(
        self, each: "Tensor", batch: ScoredBatch, confidence: "Tensor | float" = 1.0
    ) -> "Tensor":
        """Return the mean over labeled samples plus unlabelled_weight times that over the others.

        The others are weighted by their `confidence`, from 0 to 1.
        """
        if batch.y is None:
            return each.mean(-1)
        known = (batch.y >= 0).to(each.dtype)
        labeled, unlabeled = (
            part / batch.ranks.average(part.sum(-1, keepdim=True)).clamp(min=1 / batch.ranks.count)
            for part in (known, 1 - known)
        )
        return (each * (labeled + self.unlabelled_weight * unlabeled * confidence)).sum(-1)


@settings
class PointwiseGeneralized(Loss):
    """The "GLS-GAN" of a well-known blog post and its code, which differs from the paper's.

    The activation is applied to each score instead of the margin plus a pair's difference: there is
    no margin and no pairing, and the generator's loss has the activation, too. With slope 0 the
    generator gets no gradient from fakes that score below 0. Only slope 1 agrees with GLS-GAN (and
    WGAN), up to the factor 1/2.
    """

    title = "pointwise variant of GLS-GAN (activation on each score; not Qi's GLS-GAN)"
    formula = (
        "D: 1/2 (E C(D(G(z))) - E C(D(x))); G: -E C(D(G(z))); "
        "C(a) = a or slope a (leaky_relu) or slope (exp(a) - 1) (elu) if a < 0"
    )

    activation: Literal["leaky_relu", "elu"] = "leaky_relu"
    slope: Annotated[float, Range(le=1)] = 0.2

    def activate(self, score: "Tensor") -> "Tensor":
        """Return C of each score, shape (..., N)."""
        below = score.clamp(max=0).expm1() if self.activation == "elu" else score
        return score.where(score > 0, self.slope * below)

    def critic(self, real: ScoredBatch, fake: ScoredBatch) -> "Tensor":
        return 0.5 * (self.activate(fake.score).mean(-1) - self.activate(real.score).mean(-1))

    def generator(self, fake: ScoredBatch, real: ScoredBatch | None = None) -> "Tensor":
        return -self.activate(fake.score).mean(-1)
