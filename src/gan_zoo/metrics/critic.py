"""What a critic is like: how steep, how close to its constraints, how it tells fakes from reals."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from gan_zoo.architectures.networks import Critic
from gan_zoo.losses import Loss, ScoredBatch
from gan_zoo.regularizers.gradient_penalties import squared_gradient

_QUANTILES = {"median": 0.5, "q95": 0.95, "max": 1.0}
_BINS = 40


def grad_norms(
    critic: Critic, real: Tensor, fake: Tensor, y: Tensor, share: Tensor
) -> dict[str, float]:
    """Quantiles of |grad D| at reals, at fakes (N, *shape) and between, at shares (N,) of the way.

    The largest of all is the empirical Lipschitz constant: a lower bound of the true one. The
    critic is expected in evaluation mode, where samples do not affect each other.
    """
    between = torch.lerp(real, fake, share.reshape(-1, *[1] * (real.dim() - 1)))
    norms = {
        name: squared_gradient(critic, x, y).detach().double().sqrt()
        for name, x in {"real": real, "fake": fake, "interpolated": between}.items()
    }
    numbers = {
        f"critic/grad_norm_{name}_{quantile}": norm.quantile(level).item()
        for name, norm in norms.items()
        for quantile, level in _QUANTILES.items()
    }
    steepest = torch.cat(list(norms.values())).max().item()
    return {**numbers, "critic/lipschitz_lower_bound": steepest}


@torch.no_grad()
def spectral_norm_product(critic: nn.Module) -> float:
    """Product of the largest singular values of all weights, each as a matrix (outputs, rest).

    For linear layers with 1-Lipschitz activations an upper bound of the Lipschitz constant; a
    convolution's own constant may exceed its matrix's (Miyato et al. 2018 use the matrix too).
    """
    product = 1.0
    for module in critic.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.dim() >= 2:
            product *= _largest_singular_value(weight.flatten(1).double())
    return product


def _largest_singular_value(matrix: Tensor) -> float:
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    return math.sqrt(max(torch.linalg.eigvalsh(small)[-1].item(), 0))


@torch.no_grad()
def clipped_fraction(critic: nn.Module) -> float:
    """Share of all parameters that have the largest magnitude of all.

    Next to 0 where nothing clips; with clipping the share that stands at the wall, where the
    critic has become a sum of signs.
    """
    sizes = torch.cat([p.abs().flatten() for p in critic.parameters()])
    return (sizes == sizes.max()).double().mean().item()


@torch.no_grad()
def margins(loss: Loss, real: ScoredBatch, fake: ScoredBatch) -> dict[str, float]:
    """What the loss says of its margins, and the share of pairs in the leak of its slope."""
    numbers = {name: value.item() for name, value in loss.metrics(real, fake).items()}
    if "margin/violated" in numbers:
        numbers["margin/satisfied"] = 1 - numbers["margin/violated"]
    return numbers


def score_histograms(real: Tensor, fake: Tensor) -> dict[str, list[float]]:
    """Shares of reals' and fakes' scores (N,) in 40 equal bins, and the 41 edges of these."""
    both = torch.cat([real, fake]).double().cpu()
    edges = torch.linspace(both.min().item(), both.max().item() + 1e-12, _BINS + 1).double()
    histograms = {"critic/score_edges": edges.tolist()}
    for name, score in {"real": real, "fake": fake}.items():
        indices = (
            torch.bucketize(score.double().cpu(), edges, right=True).sub(1).clamp(0, _BINS - 1)
        )
        counts = torch.bincount(indices, minlength=_BINS).double()
        histograms[f"critic/score_{name}"] = (counts / len(score)).tolist()
    return histograms


@torch.no_grad()
def auroc(real: Tensor, fake: Tensor) -> float:
    """Chance that a real has a higher score than a fake (N,), ties half: 0.5 is indistinguishable.

    The area under the ROC curve, Mann & Whitney 1947; the same for any increasing transform of
    the scores, hence comparable between losses.
    """
    scores = torch.cat([real, fake]).double()
    _, group, counts = scores.unique(return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[group]
    n, m = len(real), len(fake)
    return ((ranks[:n].sum() - n * (n + 1) / 2) / (n * m)).item()


# colors of the lowest, the middle and the highest score
_BLUE, _WHITE, _RED = (49, 84, 158), (247, 247, 247), (178, 38, 44)
_CHUNK = 8192


@torch.no_grad()
def plot_critic(critic: Critic, extent: float, side: int = 160) -> np.ndarray:
    """Scores for label 0 over the square [-extent, extent]^2, uint8 (side, side, 3).

    White is halfway between the extremes of the picture; the second coordinate points upwards.
    Where all scores are equal, all is blue.
    """
    device = next(critic.parameters()).device
    ticks = ((torch.arange(side, device=device) + 0.5) / side * 2 - 1) * extent
    points = torch.cartesian_prod(-ticks, ticks).flip(1)  # rows from the top, then left to right
    scores = torch.cat([critic(part, _zeros(part)) for part in points.split(_CHUNK)])
    scores = scores.double().cpu().numpy().reshape(side, side)
    height = (scores - scores.min()) / max(np.ptp(scores), 1e-12)
    channels = [
        np.interp(height, [0, 0.5, 1], stops) for stops in zip(_BLUE, _WHITE, _RED, strict=True)
    ]
    return np.stack(channels, -1).round().astype(np.uint8)


def _zeros(points: torch.Tensor) -> torch.Tensor:
    return torch.zeros(len(points), dtype=torch.int64, device=points.device)
