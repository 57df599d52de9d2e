"""The generator that is shown, and the critic that classifies: exponential moving averages."""

import copy

import torch
from torch import nn


class MovingAverage:
    """Average of a network's parameters; its buffers are copied as they are.

    Args:
        network: the network that trains.
        decay: weight of the past; 0 follows the network exactly. Early on the decay is smaller,
            (1 + t) / (10 + t) after t updates, so that the random start is soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay, self.updates = decay, 0
        self.averages = list(self.network.parameters())
        self.parameters = list(network.parameters())
        self.buffers = list(zip(self.network.buffers(), network.buffers(), strict=True))

    def weight(self, ahead: int = 0) -> float:
        """What the trained network weighs in the update after the next `ahead` ones."""
        updates = self.updates + ahead
        return 1 - min(self.decay, (1 + updates) / (10 + updates))

    @torch.no_grad()
    def update(self) -> None:
        """Take the trained network's present weights into the average."""
        torch._foreach_lerp_(self.averages, self.parameters, self.weight())
        for average, buffer in self.buffers:
            average.copy_(buffer)
        self.updates += 1
