"""Diagnosis of a critic: gradient norms, weights, margins, scores of real and fake samples."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from gan_zoo.architectures.networks import Critic, in_chunks
from gan_zoo.devices import to_float64
from gan_zoo.losses import Loss, ScoredBatch
from gan_zoo.regularizers.gradient_penalties import squared_gradient

_QUANTILES = {"median": 0.5, "q95": 0.95, "max": 1.0}
_BINS = 40
_VALUES_PER_PASS = 2**19  # the graph of more (10 color images of 128 x 128) may fill the memory


def grad_norms(
    critic: Critic, real: Tensor, fake: Tensor, y: Tensor, share: Tensor
) -> dict[str, float]:
    """Return quantiles of |grad D| at real and fake samples (N, *shape), and interpolated ones.

    share (N,) in [0, 1] places the interpolated samples. The largest norm is the empirical
    Lipschitz constant, a lower bound of the true one. The critic must be in evaluation mode, where
    samples do not affect each other.
    """
    interpolated = torch.lerp(real, fake, share.reshape(-1, *[1] * (real.dim() - 1)))
    size = max(1, _VALUES_PER_PASS // real[0].numel())

    def squared(x: Tensor, y: Tensor) -> Tensor:
        return squared_gradient(critic, x, y).detach()

    norms = {
        name: to_float64(in_chunks(squared, x, y, size)).sqrt()
        for name, x in {"real": real, "fake": fake, "interpolated": interpolated}.items()
    }
    numbers = {
        f"critic/grad_norm_{name}_{quantile}": norm.quantile(level).item()
        for name, norm in norms.items()
        for quantile, level in _QUANTILES.items()
    }
    largest = torch.cat(list(norms.values())).max().item()
    return {**numbers, "critic/lipschitz_lower_bound": largest}


@torch.no_grad()
def spectral_norm_product(critic: nn.Module) -> float:
    """Return the product of the largest singular values of all weights as matrices (outputs, rest).

    For linear layers with 1-Lipschitz activations an upper bound of the Lipschitz constant; a
    convolution's own constant may exceed its matrix's (Miyato et al. 2018 use the matrix too).
    """
    product = 1.0
    for module in critic.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.dim() >= 2:
            product *= _largest_singular_value(to_float64(weight.flatten(1)))
    return product


def _largest_singular_value(matrix: Tensor) -> float:
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    return math.sqrt(max(torch.linalg.eigvalsh(small)[-1].item(), 0))


@torch.no_grad()
def clipped_fraction(critic: nn.Module) -> float:
    """Return the share of parameters whose magnitude is the largest of all.

    With weight clipping, the share at the bound; close to 0 without.
    """
    sizes = torch.cat([p.abs().flatten() for p in critic.parameters()])
    return to_float64(sizes == sizes.max()).mean().item()


@torch.no_grad()
def margins(loss: Loss, real: ScoredBatch, fake: ScoredBatch) -> dict[str, float]:
    """Return the loss's own metrics, and the share of pairs that satisfy their margin."""
    numbers = {name: value.item() for name, value in loss.metrics(real, fake).items()}
    if "margin/violated" in numbers:
        numbers["margin/satisfied"] = 1 - numbers["margin/violated"]
    return numbers


def score_histograms(real: Tensor, fake: Tensor) -> dict[str, list[float]]:
    """Return shares of real and fake scores (N,) in 40 equal bins, and the 41 bin edges."""
    both = torch.cat([real, fake]).cpu().double()
    edges = torch.linspace(both.min().item(), both.max().item() + 1e-12, _BINS + 1).double()
    histograms = {"critic/score_edges": edges.tolist()}
    for name, score in {"real": real, "fake": fake}.items():
        indices = (
            torch.bucketize(score.cpu().double(), edges, right=True).sub(1).clamp(0, _BINS - 1)
        )
        counts = torch.bincount(indices, minlength=_BINS).double()
        histograms[f"critic/score_{name}"] = (counts / len(score)).tolist()
    return histograms


@torch.no_grad()
def auroc(real: Tensor, fake: Tensor) -> float:
    """Return the probability that a real score (N,) is above a fake one (M,); ties count half.

    The area under the ROC curve, Mann & Whitney 1947. 0.5 means indistinguishable. Invariant under
    increasing transforms of the scores, hence comparable between losses.
    """
    scores = to_float64(torch.cat([real, fake]))
    _, group, counts = scores.unique(return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[group]
    n, m = len(real), len(fake)
    return ((ranks[:n].sum() - n * (n + 1) / 2) / (n * m)).item()


# colors of the lowest, the middle and the highest score
_BLUE, _WHITE, _RED = (49, 84, 158), (247, 247, 247), (178, 38, 44)
_CHUNK = 8192


@torch.no_grad()
def plot_critic(critic: Critic, extent: float, side: int = 160) -> np.ndarray:
    """Plot the scores for label 0 over the square [-extent, extent]^2, uint8 (side, side, 3).

    Blue is the lowest score, red the highest, white halfway; equal scores are all blue. The second
    coordinate points upwards.
    """
    device = next(critic.parameters()).device
    ticks = ((torch.arange(side, device=device) + 0.5) / side * 2 - 1) * extent
    points = torch.cartesian_prod(-ticks, ticks).flip(1)  # rows from the top
    scores = torch.cat([critic(part, _zeros(part)) for part in points.split(_CHUNK)])
    scores = scores.cpu().double().numpy().reshape(side, side)
    height = (scores - scores.min()) / max(np.ptp(scores), 1e-12)
    channels = [
        np.interp(height, [0, 0.5, 1], stops) for stops in zip(_BLUE, _WHITE, _RED, strict=True)
    ]
    return np.stack(channels, -1).round().astype(np.uint8)


def _zeros(points: torch.Tensor) -> torch.Tensor:
    return torch.zeros(len(points), dtype=torch.int64, device=points.device)
