"""Critic regularizers, with three optional hooks.

`prepare` changes the critic once, before training; `penalty` adds to the critic's loss;
`after_step` follows every critic update. Samples are (..., N, *shape), their labels and scores
(..., N); penalties have the shape of the losses, (...).
"""

from gan_zoo.regularizers.augmentation import Augmentation
from gan_zoo.regularizers.gradient_penalties import R1, R2, Dragan, GradientPenalty
from gan_zoo.regularizers.regularizer import Combined, Regularizer
from gan_zoo.regularizers.weight_constraints import SpectralNorm, WeightClip, WeightProjection

__all__ = [
    "R1",
    "R2",
    "Augmentation",
    "Combined",
    "Dragan",
    "GradientPenalty",
    "Regularizer",
    "SpectralNorm",
    "WeightClip",
    "WeightProjection",
]
