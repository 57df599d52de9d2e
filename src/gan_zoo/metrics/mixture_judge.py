"""Samples of a mixture, whose modes and density are known: no feature network is needed."""

import numpy as np
import torch

from gan_zoo.architectures.players import Critic
from gan_zoo.data.mixtures import Mixture
from gan_zoo.metrics.divergence import CELLS_PER_MODE, mixture_divergence, optimal_critic_loss
from gan_zoo.metrics.groups import MIXTURE
from gan_zoo.metrics.judge import Fakes, Judge, Judgement
from gan_zoo.metrics.landscape import landscape
from gan_zoo.metrics.modes import hits, reverse_kl
from gan_zoo.metrics.transport import directions, sliced_wasserstein
from gan_zoo.training.streams import stream

_LINES = 128


class MixtureJudge(Judge):
    """Counts modes, and compares with draws of the true mixture that no one trained on."""

    available = MIXTURE

    def __init__(self, dataset: Mixture, n: int, seed: int, device: torch.device):
        self.sigma, self.seed, self.device = dataset.sigma, seed, device
        self.centres = torch.tensor(dataset.centres(), device=device)
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

    def portray(self, critic: Critic) -> dict[str, np.ndarray]:
        """The critic's landscape over the frame in which the dataset shows its points."""
        return {"landscape": landscape(critic, frame(self.centres, self.sigma))}

    def _modes(self, fakes: Fakes) -> Judgement:
        found = hits(fakes.x, self.centres, self.sigma)
        numbers = {
            "metric/modes": float(found.captured),
            "metric/high_quality": found.high_quality,
            "metric/reverse_kl": reverse_kl(found.histogram, self.weights),
            "metric/largest_share": found.largest,
        }
        return Judgement(numbers, {"metric/mode_histogram": found.histogram.tolist()})

    def _divergence(self, fakes: Fakes) -> Judgement:
        jsd = mixture_divergence(fakes.x, self.true, self.centres, self.sigma)
        bound = optimal_critic_loss(jsd)
        numbers = {"metric/jsd": jsd, "metric/gan_critic_loss_bound": bound}
        protocol = {"n_reference": len(self.true), "cells": CELLS_PER_MODE * len(self.centres)}
        return Judgement(numbers, protocols=dict.fromkeys(numbers, protocol))

    def _transport(self, fakes: Fakes) -> Judgement:
        draws = stream(self.seed, "reference")
        count = min(len(fakes.x), len(self.true))
        place = torch.randperm(len(self.true), generator=draws)[:count].to(self.device)
        lines = directions(_LINES, fakes.x.shape[1], draws)
        distance = sliced_wasserstein(fakes.x[:count], self.true[place], lines)
        return Judgement({"metric/sliced_wasserstein": distance})


def frame(centres: torch.Tensor, sigma: float) -> float:
    """Half the side of a square around the origin that holds all modes with a margin."""
    return 1.35 * centres.abs().max().item() + 3 * sigma
