"""Losses of the critic and the generator: one frozen dataclass each, with its formula.

Sign: scores are higher for more real samples, and raw (no sigmoid). The loss-sensitive papers
minimize a loss L that is small on real samples: their L is our -score.
Shapes: scores are (..., N), and every loss reduces the last axis by its mean. Hyperparameters may
be tensors that broadcast, so the same formula serves one run (N,) and a stack of runs (S, N).
Formulas are pure: no networks, no optimizers, no devices. torch is imported inside functions, so
that settings can be checked without it.
"""

from gan_zoo.losses.adversarial import (
    FGAN,
    GAN,
    Hinge,
    LeastSquares,
    RelativisticAverage,
    RelativisticPairing,
    Wasserstein,
)
from gan_zoo.losses.loss import Loss, ScoredBatch
from gan_zoo.losses.loss_sensitive import (
    ConditionalLossSensitive,
    GeneralizedLossSensitive,
    GeneralizedLossSensitiveELU,
    LossSensitive,
    PointwiseGeneralized,
)

__all__ = [
    "FGAN",
    "GAN",
    "ConditionalLossSensitive",
    "GeneralizedLossSensitive",
    "GeneralizedLossSensitiveELU",
    "Hinge",
    "LeastSquares",
    "Loss",
    "LossSensitive",
    "PointwiseGeneralized",
    "RelativisticAverage",
    "RelativisticPairing",
    "ScoredBatch",
    "Wasserstein",
]
