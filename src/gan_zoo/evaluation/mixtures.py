"""Metrics of points from a mixture, whose modes and density are known: no feature network."""

import numpy as np
import torch

from gan_zoo.architectures.networks import Critic
from gan_zoo.data.mixtures import Mixture
from gan_zoo.evaluation.config import MIXTURE
from gan_zoo.evaluation.result import EvalResult, FakeBatch, Protocol
from gan_zoo.metrics.critic import plot_critic
from gan_zoo.metrics.modes import (
    CELLS_PER_MODE,
    directions,
    mixture_divergence,
    mode_counts,
    optimal_critic_loss,
    reverse_kl,
    sliced_wasserstein,
)
from gan_zoo.training.rng import make_rng

_DIRECTIONS = 128


class MixtureMetrics:
    """Compares generated points with the modes of a mixture and with its test split.

    Args:
        device: of all computations, with float64.

    Attributes:
        available: the groups of metrics; groups: the method that measures each, by name.
        about: what all values depend on, the critic's included.
        protocol: what the metrics depend on besides the generated samples.
    """

    available = MIXTURE

    def __init__(self, dataset: Mixture, n: int, seed: int, device: torch.device):
        self.sigma, self.seed, self.device = dataset.sigma, seed, device
        self.centers = torch.tensor(dataset.centers(), device=device)
        self.weights = torch.tensor(dataset.shares(), device=device)
        test = dataset.load("test")
        self.true = test.x.to(device)
        self.groups = {
            "modes": self._modes,
            "divergence": self._divergence,
            "transport": self._transport,
        }
        self.about = {
            "dataset": type(dataset).__name__,
            "dataset_fingerprint": dataset.fingerprint,
        }
        self.protocol = {
            **self.about,
            "reference": "test",
            "reference_fingerprint": test.fingerprint(),
            "n_reference": min(n, len(test)),
            "seed": seed,
        }

    def protocol_of(self, group: str) -> Protocol:
        """Return what a group of metrics depends on besides the generated points."""
        return self.protocol

    def plots(self, critic: Critic) -> dict[str, np.ndarray]:
        """Plot the scores of a critic in evaluation mode over the plane, uint8 (H, W, 3)."""
        from gan_zoo.data.plots import plot_extent  # imports Pillow

        return {"landscape": plot_critic(critic, plot_extent(self.centers.tolist(), self.sigma))}

    def _modes(self, fakes: FakeBatch) -> EvalResult:
        counts = mode_counts(fakes.x, self.centers, self.sigma)
        numbers = {
            "metric/modes": float(counts.modes_captured),
            "metric/high_quality": counts.high_quality,
            "metric/reverse_kl": reverse_kl(counts.histogram, self.weights),
            "metric/largest_share": counts.largest,
        }
        histograms = {"metric/mode_histogram": counts.histogram.tolist()}
        return EvalResult(numbers, histograms, real_share=self.weights.max().item())

    def _divergence(self, fakes: FakeBatch) -> EvalResult:
        jsd = mixture_divergence(fakes.x, self.true, self.centers, self.sigma)
        bound = optimal_critic_loss(jsd)
        numbers = {"metric/jsd": jsd, "metric/gan_critic_loss_bound": bound}
        protocol = {"n_reference": len(self.true), "cells": CELLS_PER_MODE * len(self.centers)}
        return EvalResult(numbers, protocols=dict.fromkeys(numbers, protocol))

    def _transport(self, fakes: FakeBatch) -> EvalResult:
        rng = make_rng(self.seed, "reference")
        count = min(len(fakes.x), len(self.true))
        indices = torch.randperm(len(self.true), generator=rng)[:count].to(self.device)
        lines = directions(_DIRECTIONS, fakes.x.shape[1], rng)
        distance = sliced_wasserstein(fakes.x[:count], self.true[indices], lines)
        return EvalResult({"metric/sliced_wasserstein": distance})
