"""Penalties on the gradient of the critic's score with respect to the sample.

Norms are per sample, over all of its dimensions.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from gan_zoo.regularizers.random_numbers import NumberCounts, RandomNumbers
from gan_zoo.regularizers.regularizer import PenaltyBatch, Regularizer
from gan_zoo.schema import ConfigError, NonNegativeFloat, settings

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from gan_zoo.regularizers.regularizer import Scores


class PenaltyAtPoints(Regularizer):
    """Base class of penalties on the gradient's norm at some points, one for each sample."""

    def prepare(self, critic: "Module") -> None:
        """Raises ConfigError for batch norm, with which gradients are not per sample."""
        refuse_batch_norm(critic)

    def points(self, batch: PenaltyBatch) -> "Tensor":
        """Return where the critic is penalized, (..., N, *shape)."""
        raise NotImplementedError

    def of_gradient(self, squared: "Tensor") -> "Tensor":
        """Return the penalty (...) of squared norms (..., N) of the gradients at the points."""
        raise NotImplementedError

    def penalty(self, critic: "Scores", batch: PenaltyBatch) -> "Tensor | float":
        return self.of_gradient(squared_gradient(critic, self.points(batch), batch.y))


@settings
class GradientPenalty(PenaltyAtPoints):
    """Gradient penalty, Gulrajani et al. 2017 (arXiv:1704.00028, eq. 3).

    weight * E (|grad D(u)| - target)^2 at samples u. With `one_sided` only norms above the target
    are penalized (their section 4). With `interpolates`, u is
    uniformly distributed on the line between the i-th real and the i-th fake sample.
    """

    title = "gradient penalty, Gulrajani et al. 2017"

    weight: NonNegativeFloat = 10.0
    target: NonNegativeFloat = 1.0
    one_sided: bool = False
    at: Literal["interpolates", "reals", "fakes"] = "interpolates"

    def penalty_counts(self, shape: Sequence[int]) -> NumberCounts:
        return NumberCounts(uniform=int(self.at == "interpolates"))

    def points(self, batch: PenaltyBatch) -> "Tensor":
        if self.at == "interpolates":
            return interpolate(batch.real, batch.fake, _uniform(batch.numbers))
        return batch.real if self.at == "reals" else batch.fake

    def of_gradient(self, squared: "Tensor") -> "Tensor":
        # the constant keeps the derivative of the root finite at a zero gradient
        excess = squared.add(1e-12).sqrt() - _per_sample(self.target)
        return self.weight * (excess.relu() if self.one_sided else excess).square().mean(-1)


@settings
class R1(PenaltyAtPoints):
    """R1, Mescheder et al. 2018 (arXiv:1801.04406, eq. 9): weight / 2 * E |grad D(x)|^2 at reals.

    Their code omits the 1/2: its 10 is 20 here.
    """

    title = "R1, Mescheder et al. 2018"

    weight: NonNegativeFloat = 10.0

    def points(self, batch: PenaltyBatch) -> "Tensor":
        return batch.real

    def of_gradient(self, squared: "Tensor") -> "Tensor":
        return 0.5 * self.weight * squared.mean(-1)


@settings
class R2(R1):
    """R2, Mescheder et al. 2018 (arXiv:1801.04406): R1's penalty, at fakes."""

    title = "R2, Mescheder et al. 2018"

    def points(self, batch: PenaltyBatch) -> "Tensor":
        return batch.fake


@settings
class Dragan(GradientPenalty):
    """DRAGAN, Kodali et al. 2017 (arXiv:1705.07215): a gradient penalty around real samples.

    At x + share * noise * std(x) / 2, one share per sample and one noise per element, both uniform
    on [0, 1), and std over the whole batch, as in the authors' code.
    """

    title = "DRAGAN, Kodali et al. 2017"

    def penalty_counts(self, shape: Sequence[int]) -> NumberCounts:
        return NumberCounts(uniform=math.prod(shape) + super().penalty_counts(shape).uniform)

    def points(self, batch: PenaltyBatch) -> "Tensor":
        real = batch.real
        noise, rest = batch.numbers.take(NumberCounts(uniform=math.prod(batch.shape)))
        perturbed = real + 0.5 * _deviation(batch) * _uniform(noise).reshape(real.shape)
        # the base class interpolates between real and perturbed samples
        return super().points(batch._replace(fake=perturbed, numbers=rest))


def _uniform(numbers: RandomNumbers) -> "Tensor":
    """Return uniform random numbers (..., N, K). Raises ValueError where a batch has none."""
    if numbers.uniform is None:
        uniform = "torch.rand(N, penalty_counts(shape).uniform)"
        raise ValueError(f"needs PenaltyBatch(numbers=RandomNumbers(uniform={uniform}))")
    return numbers.uniform


def _per_sample(value: "Tensor | float") -> "Tensor | float":
    """Return a number, or one for each run of a stack (S,), as it applies to samples (S, N)."""
    return value if isinstance(value, (int, float)) else value.unsqueeze(-1)


def _deviation(batch: PenaltyBatch) -> "Tensor":
    """Return the standard deviation of all elements of a whole batch of reals, (..., 1, *ones)."""
    elements = tuple(range(batch.y.dim(), batch.real.dim()))

    def mean(value: "Tensor") -> "Tensor":
        # of each sample first: how a sum of a whole batch is rounded depends on the threads
        per_sample = value.mean(elements, keepdim=True)
        return batch.ranks.average(per_sample.mean(batch.y.dim() - 1, keepdim=True))

    count = math.prod(batch.real.shape[batch.y.dim() - 1 :]) * batch.ranks.count
    square = mean((batch.real - mean(batch.real)).square())
    return (square * (count / (count - 1))).sqrt()


def interpolate(real: "Tensor", fake: "Tensor", share: "Tensor") -> "Tensor":
    """Return the points at these shares (..., N, 1) of the way from each real to its fake."""
    import torch

    share = share.reshape(*share.shape[:-1], *[1] * (real.dim() - share.dim() + 1))
    return torch.lerp(real, fake, share)


def squared_gradient(critic: "Scores", x: "Tensor", y: "Tensor") -> "Tensor":
    """Return |grad D(x, y)|^2 of each score with respect to its sample, shape (..., N)."""
    import torch

    x = x.detach().requires_grad_()
    score = critic(x, y)
    (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    return gradient.flatten(score.dim()).square().sum(-1)


def squared_gradients(
    critic: "Scores", points: "Sequence[Tensor]", y: "Tensor"
) -> "Sequence[Tensor]":
    """Return `squared_gradient` at each of these points, all with labels y, by one pass.

    In the order of real and fake it is the pass that the critic's loss makes, which a compiler
    then makes once for both.
    """
    import torch

    if not points:
        return ()
    batch = y.dim() - 1
    together = torch.cat([*points], batch), torch.cat([y] * len(points), batch)
    return squared_gradient(critic, *together).chunk(len(points), batch)


def refuse_batch_norm(critic: "Module") -> None:
    """Raises ConfigError for a critic with batch norm, which has no per-sample gradients."""
    if has_batch_norm(critic):
        allowed = "a gradient penalty needs a critic without batch norm; use layer, group or none"
        raise ConfigError("architecture.critic.norm", "batch", allowed)


def has_batch_norm(network: "Module") -> bool:
    """Return whether a network has batch norm, with which samples of a batch share statistics."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return any(isinstance(module, _BatchNorm) for module in network.modules())
