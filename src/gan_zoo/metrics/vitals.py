"""Signs of collapse that cost one small batch and no reading back to the host."""

from torch import Tensor

from gan_zoo.metrics.neighbours import nearest_other, spread

_DOUBLE = 0.01  # of the median distance between a real sample and its nearest other


class Vitals:
    """Compares batches of fakes with one batch of real samples (N, *shape), N at least 2."""

    def __init__(self, real: Tensor):
        self.spread = spread(real)
        self.near = _DOUBLE * nearest_other(real).median()

    def measure(self, fake: Tensor) -> dict[str, Tensor]:
        """Scalars on the device, for fakes (N, *shape) as many as the reals.

        health/spread: mean distance between two samples, 1 being that of real ones.
        health/duplicates: share of samples that have a double.
        """
        doubles = (nearest_other(fake) <= self.near).to(fake.dtype)
        return {"health/spread": spread(fake) / self.spread, "health/duplicates": doubles.mean()}
