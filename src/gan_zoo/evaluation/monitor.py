"""Signs of divergence, collapse and saturation of a run while it trains."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.networks import generate
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.devices import to_float64
from gan_zoo.evaluation.health import EVALUATED, DivergedError, Health
from gan_zoo.evaluation.sampling import sample_labels, sample_real
from gan_zoo.losses import FGAN, Loss, ScoredBatch, f_divergences
from gan_zoo.metrics.precision_recall import distance_blocks
from gan_zoo.training.rng import make_rng
from gan_zoo.training.trainer import Trainer

_BATCH = 128  # samples of the collapse statistics
_SHARE = 0.002  # of the samples generated for training: collapse statistics cost no more
_DUPLICATE = 0.01  # of the median distance between a real sample and its nearest other


class HealthMonitor:
    """Monitors the health of one run, with rngs of its own, so that training is not affected.

    Args:
        trainer: the run's trainer.
        samples: what it trains on.
        loss: what it minimizes.
        seed: the run's seed.
    """

    def __init__(self, trainer: Trainer, samples: InMemoryDataset, loss: Loss, seed: int):
        self.trainer, self.samples, self.loss = trainer, samples, loss
        self.device = trainer.gan.device
        generator = trainer.gan.ema.network
        y = sample_labels(samples.y, generator.num_classes, _BATCH, seed)
        real = sample_real(samples, y, seed, self.device)
        rng = make_rng(seed, "health", self.device)
        self.y, self.z = y.to(self.device), generator.sample_z(_BATCH, rng)
        self.collapse_stats = CollapseStats(real)
        samples_per_step = trainer.loader.batch_size * (trainer.n_critic + 1)
        self._period, self._next = math.ceil(_BATCH / (_SHARE * samples_per_step)), 0
        self.health = Health(zero_score_loss(loss, real))
        self._before_end: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """Return all that observations change, as plain values; see `keep_for_longer_run`."""
        return {**self._state(), "before_end": self._before_end}

    def load_state_dict(self, state: Mapping[str, Any], longer: bool) -> None:
        """Load a `state_dict`. `longer`: whether the run is longer than the one that saved it."""
        values = {**state, **(state["before_end"] if longer else {})}
        self.health.load_state_dict(values)
        self._next = int(values["next"])
        self._before_end = {} if longer else dict(state["before_end"])

    def _state(self) -> dict[str, Any]:
        return {"next": self._next, **self.health.state_dict()}

    def keep_for_longer_run(self, evaluated: bool) -> None:
        """Exclude the next observation, of an evaluation or of logged metrics, from longer runs.

        Only the end of this run brings it, so that a run of more steps never makes it.
        """
        before = self._state().items()
        self._before_end |= {name: v for name, v in before if (name in EVALUATED) == evaluated}

    @torch.no_grad()
    def measure(self) -> dict[str, Tensor]:
        """Measure collapse in samples of the averaged generator, from fixed latent vectors.

        Returns scalars on the device, or nothing if the last ones are only few steps old.
        """
        if self.trainer.step < self._next:
            return {}
        self._next = self.trainer.step + self._period
        return self.collapse_stats.measure(generate(self.trainer.gan.ema.network, self.z, self.y))

    def check_weights(self) -> None:
        """Raises DivergedError where a network's weights are not finite: they must not be saved."""
        for name in ("generator", "critic"):
            parameters = getattr(self.trainer.gan, name).parameters()
            if not torch.stack([p.detach().isfinite().all() for p in parameters]).all():
                reason = DivergedError(f"weights/{name}", float("nan"))
                raise self.health.diverge(self.trainer.step, reason)


class CollapseStats:
    """Compares batches of fakes with one batch of real samples (N, *shape), N at least 2."""

    def __init__(self, real: Tensor):
        distances = _distances(real)
        self.mean_distance = _mean_distance(distances)
        # of different samples: of few training samples, this batch has each several times
        nearest = distances.masked_fill(distances == 0, math.inf).min(1).values
        known = nearest[nearest.isfinite()]
        self.threshold = _DUPLICATE * (known.median() if len(known) else distances.new_zeros(()))

    def measure(self, fake: Tensor) -> dict[str, Tensor]:
        """Return scalars on the fakes' device for fakes (N, *shape), N as for the real samples.

        health/distance_ratio: mean distance between two fakes, relative to two real samples.
        health/duplicates: share of fakes that have a near duplicate.
        """
        distances = _distances(fake)
        duplicates = (_nearest_other(distances) <= self.threshold).to(fake.dtype)
        # real samples that are all equal allow no more than fakes that are
        constant = self.mean_distance == 0
        ratio = torch.where(constant, 1.0, _mean_distance(distances) / self.mean_distance)
        ratio = ratio.to(fake.dtype)
        return {
            "health/distance_ratio": ratio.to(fake.device),
            "health/duplicates": duplicates.mean().to(fake.device),
        }


def zero_score_loss(loss: Loss, real: Tensor) -> float:
    """Return the critic's loss on two halves of real samples (N, *shape), all scored 0.

    It is the scale of the loss: a critic far below it separates real from fake samples perfectly.
    Not so for f-divergences but GAN's, whose losses are 0 where it separates nothing: then 0.
    """
    if isinstance(loss, FGAN) and not isinstance(loss.divergence, f_divergences.GAN):
        return 0.0
    half = len(real) // 2
    zero = torch.zeros(half, device=real.device)
    parts = ScoredBatch(real[:half], zero), ScoredBatch(real[half : 2 * half], zero)
    return loss.critic(*parts).item()


def _distances(x: Tensor) -> Tensor:
    """Return distances (N, N) in x (N, ...), float64 so that equal samples are at 0."""
    flat = to_float64(x.flatten(1))
    return torch.cat([block for _, block in distance_blocks(flat, flat)]).sqrt()


def _mean_distance(distances: Tensor) -> Tensor:
    """Return the mean distance between two different samples, a scalar."""
    count = len(distances)
    return distances.sum() / (count * (count - 1))


def _nearest_other(distances: Tensor) -> Tensor:
    """Return the distance (N,) from each sample to the nearest other; the nearest is itself."""
    return distances.topk(2, largest=False).values[:, 1]
