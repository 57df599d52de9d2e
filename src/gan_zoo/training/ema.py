"""Exponential moving averages of networks."""

import copy

import torch
from torch import nn


class EMA:
    """Exponential moving average of a network's parameters; copies its buffers.

    Args:
        network: the trained network.
        decay: weight of the past; 0 copies the network. Early on the decay is smaller,
            (1 + t) / (10 + t) after t updates, so that the random start soon loses its weight.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay, self.updates = decay, 0
        self.ema_parameters = list(self.network.parameters())
        self.parameters = list(network.parameters())
        self.buffers = list(zip(self.network.buffers(), network.buffers(), strict=True))

    def weight(self, ahead: int = 0) -> float:
        """Return the trained network's weight in the update after the next `ahead` ones."""
        updates = self.updates + ahead
        return 1 - min(self.decay, (1 + updates) / (10 + updates))

    @torch.no_grad()
    def update(self) -> None:
        """Update the EMA with the current weights of the trained network."""
        torch._foreach_lerp_(self.ema_parameters, self.parameters, self.weight())
        for ema, buffer in self.buffers:
            ema.copy_(buffer)
        self.updates += 1
