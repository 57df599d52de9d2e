"""Critic regularizers, with four optional hooks.

`prepare` changes the critic once, before training; `transform` changes what it sees; `penalty` adds
to its loss; `after_step` follows each of its updates. Samples are (..., N, *shape), their labels
and scores (..., N); penalties have the shape of the losses, (...). Random numbers are arguments:
`transform_counts` and `penalty_counts` say how many.
"""

from gan_zoo.regularizers.augmentation import Augmentation
from gan_zoo.regularizers.combined import Combined
from gan_zoo.regularizers.gradient_penalties import R1, R2, Dragan, GradientPenalty
from gan_zoo.regularizers.random_numbers import NumberCounts, RandomNumbers
from gan_zoo.regularizers.regularizer import PenaltyBatch, Regularizer
from gan_zoo.regularizers.weight_constraints import SpectralNorm, WeightClip, WeightProjection

__all__ = [
    "R1",
    "R2",
    "Augmentation",
    "Combined",
    "Dragan",
    "GradientPenalty",
    "NumberCounts",
    "PenaltyBatch",
    "RandomNumbers",
    "Regularizer",
    "SpectralNorm",
    "WeightClip",
    "WeightProjection",
]
