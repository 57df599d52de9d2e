"""f-divergences for f-GAN: Nowozin et al. 2016 (arXiv:1606.00709, tables 1, 2 and 6).

Each has a convex function f with f(1) = 0, an output activation g that maps any score v
monotonically into the domain of the conjugate f*, and the composition f*(g(v)) in a closed form
that does not overflow. (GAN is as in the paper, with f(1) = -log 4.)
"""

import math
from typing import TYPE_CHECKING, Annotated

from gan_zoo.schema import ConfigError, Range, settings

_LARGE = 40.0  # softplus(-40) is still exp(-40) in float32 and in float64

if TYPE_CHECKING:
    from torch import Tensor


def softplus(x: "Tensor") -> "Tensor":
    """Return log(1 + exp(x)) without overflow."""
    from torch.nn.functional import softplus

    return softplus(x)


class FDivergence:
    """D_f(P || Q) = E_Q f(p / q)."""

    def output(self, v: "Tensor") -> "Tensor":
        """Return g(v), a score mapped into the domain of f*."""
        raise NotImplementedError

    def conjugate(self, v: "Tensor") -> "Tensor":
        """Return f*(g(v)), where f*(t) = sup_u (u t - f(u))."""
        raise NotImplementedError


@settings
class TotalVariation(FDivergence):
    """Total variation distance: f(u) = |u - 1| / 2."""

    def output(self, v: "Tensor") -> "Tensor":
        return 0.5 * v.tanh()

    def conjugate(self, v: "Tensor") -> "Tensor":
        return self.output(v)


@settings
class KL(FDivergence):
    """Kullback-Leibler divergence of the data from the generator: f(u) = u log u."""

    def output(self, v: "Tensor") -> "Tensor":
        return v

    def conjugate(self, v: "Tensor") -> "Tensor":
        return (v - 1).exp()


@settings
class ReverseKL(FDivergence):
    """Kullback-Leibler divergence of the generator from the data: f(u) = -log u.

    The paper's table 6 prints -exp(v), which decreases; its table 2 has -exp(-v), used here.
    """

    def output(self, v: "Tensor") -> "Tensor":
        return -(-v).exp()

    def conjugate(self, v: "Tensor") -> "Tensor":
        return v - 1


@settings
class Pearson(FDivergence):
    """Pearson chi-squared divergence: f(u) = (u - 1)^2.

    Below t = -2 the supremum lies at u = 0.
    """

    def output(self, v: "Tensor") -> "Tensor":
        return v

    def conjugate(self, v: "Tensor") -> "Tensor":
        bounded = v.clamp(min=-2)
        return 0.25 * bounded.square() + bounded


@settings
class Neyman(FDivergence):
    """Neyman chi-squared divergence: f(u) = (1 - u)^2 / u."""

    def output(self, v: "Tensor") -> "Tensor":
        return -(-v).expm1()

    def conjugate(self, v: "Tensor") -> "Tensor":
        return -2 * (-0.5 * v).expm1()


@settings
class SquaredHellinger(FDivergence):
    """Squared Hellinger distance: f(u) = (sqrt(u) - 1)^2."""

    def output(self, v: "Tensor") -> "Tensor":
        return -(-v).expm1()

    def conjugate(self, v: "Tensor") -> "Tensor":
        return v.expm1()


@settings
class Jeffrey(FDivergence):
    """Jeffrey's divergence, Kullback-Leibler both ways: f(u) = (u - 1) log u."""

    def output(self, v: "Tensor") -> "Tensor":
        return v

    def conjugate(self, v: "Tensor") -> "Tensor":
        w = lambert_w_of_exp(1 - v)
        return w + 1 / w + v - 2


def lambert_w_of_exp(y: "Tensor") -> "Tensor":
    """Return W(exp(y)), the w > 0 with w + log w = y, without overflow. Once differentiable."""
    import torch

    with torch.no_grad():
        # initial values: below w for y < 1, where w is near exp(y), above w elsewhere
        w = torch.where(y < 1, y.clamp(max=1).exp() / (1 + y.clamp(max=1).exp()), y.clamp(min=1))
        for _ in range(8):
            w = w * (1 + y - w.log()) / (1 + w)
    return w * (1 + y - w.log()) / (1 + w)  # one more Newton step for the gradient


@settings
class JensenShannon(FDivergence):
    """Jensen-Shannon divergence, twice its usual size.

    f(u) = u log u - (u + 1) log((1 + u) / 2).
    """

    def output(self, v: "Tensor") -> "Tensor":
        return math.log(2) - softplus(-v)

    def conjugate(self, v: "Tensor") -> "Tensor":
        return softplus(v) - math.log(2)


@settings
class WeightedJensenShannon(FDivergence):
    """Jensen-Shannon divergence with weight pi on the data.

    f(u) = pi u log u - m log m with m = 1 - pi + pi u.
    """

    pi: Annotated[float, Range(gt=0, lt=1)] = 0.5

    def output(self, v: "Tensor") -> "Tensor":
        return -self.pi * math.log(self.pi) - softplus(-v)

    def conjugate(self, v: "Tensor") -> "Tensor":
        import torch

        other, large = 1 - self.pi, v > _LARGE
        small = (-(-softplus(-v.clamp(max=_LARGE)) / self.pi).expm1()).log()
        # log(1 - exp(-s / pi)) where s = softplus(-v) underflows: log(s / pi), with s = exp(-v)
        return other * (math.log(other) - torch.where(large, -v - math.log(self.pi), small))


@settings
class GAN(FDivergence):
    """The divergence of the original GAN: twice Jensen-Shannon's, less log 4.

    f(u) = u log u - (u + 1) log(u + 1).
    """

    def output(self, v: "Tensor") -> "Tensor":
        return -softplus(-v)

    def conjugate(self, v: "Tensor") -> "Tensor":
        return softplus(v)


@settings
class Alpha(FDivergence):
    """Alpha divergence: f(u) = (u^a - 1 - a (u - 1)) / (a (a - 1)).

    Its limits at alpha 1 and 0, KL and reverse KL, are classes of their own.
    Just below 1 the conjugate's exponent a / (a - 1) overflows at ordinary scores.
    """

    alpha: float = 0.5

    def check(self) -> None:
        """Raises ConfigError at the two limits, and between 0.9 and 1."""
        if self.alpha in (0, 1):
            name = "kl" if self.alpha else "reverse_kl"
            raise ConfigError("alpha", self.alpha, f"type loss/divergence={name} instead")
        if 0.9 < self.alpha < 1:
            allowed = "must not lie between 0.9 and 1, where it overflows; type 0.9"
            raise ConfigError("alpha", self.alpha, allowed)

    def output(self, v: "Tensor") -> "Tensor":
        return 1 / (1 - self.alpha) - softplus(-v) if self.alpha < 1 else v

    def conjugate(self, v: "Tensor") -> "Tensor":
        import torch

        a = self.alpha
        if a > 1:  # of t (a - 1) + 1; the supremum lies at u = 0 where this is negative
            return ((v * (a - 1) + 1).relu() ** (a / (a - 1)) - 1) / a
        # the same, (1 - a) softplus(-v), by its logarithm, as softplus(-v) underflows to exp(-v)
        log_softplus = torch.where(v > _LARGE, -v, softplus(-v.clamp(max=_LARGE)).log())
        return ((a / (a - 1) * (math.log(1 - a) + log_softplus)).exp() - 1) / a
