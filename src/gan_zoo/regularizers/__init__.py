"""What keeps the critic tame: three hooks, all doing nothing unless a regularizer says otherwise.

`prepare` sees the critic once, before training; `penalty` adds to the critic's loss; `after_step`
follows every critic update. Samples are (..., N, *shape), their labels and scores (..., N);
penalties have the shape of the losses, (...).
"""

from gan_zoo.regularizers.augmentation import Augmentation
from gan_zoo.regularizers.gradients import R1, R2, Dragan, GradientPenalty
from gan_zoo.regularizers.hooks import Regularizer, Several
from gan_zoo.regularizers.weights import SpectralNorm, WeightClip, WeightProjection

__all__ = [
    "R1",
    "R2",
    "Augmentation",
    "Dragan",
    "GradientPenalty",
    "Regularizer",
    "Several",
    "SpectralNorm",
    "WeightClip",
    "WeightProjection",
]
