"""A critic over the plane, as a heat map."""

import numpy as np
import torch

from gan_zoo.architectures.players import Critic

# colours of the lowest, the middle and the highest score
_BLUE, _WHITE, _RED = (49, 84, 158), (247, 247, 247), (178, 38, 44)
_CHUNK = 8192


@torch.no_grad()
def landscape(critic: Critic, extent: float, side: int = 160) -> np.ndarray:
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
