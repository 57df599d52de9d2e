"""Averages kept on the device: nothing is read until somebody asks."""

import torch
from torch import Tensor


class Meters:
    """Running means of named scalars; groups of names that come together are added together."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], Tensor] = {}
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, told: dict[tuple[str, ...], Tensor], count: int) -> None:
        """Add a value (names,) for each name, or sums of `count` values. Nobody waits for them."""
        for names, values in told.items():
            if names in self._sums:
                self._sums[names].add_(values)
            else:
                self._sums[names] = values.clone()  # whoever told may use the memory again
            self._counts[names] = self._counts.get(names, 0) + count

    def state(self) -> list[dict]:
        """What has been added since the last reading, as plain values and tensors."""
        return [
            {"names": list(names), "sum": total, "count": self._counts[names]}
            for names, total in self._sums.items()
        ]

    def restore(self, state: list[dict], device: torch.device) -> None:
        """Take up a state where it was left."""
        self._sums = {tuple(group["names"]): group["sum"].to(device) for group in state}
        self._counts = {tuple(group["names"]): group["count"] for group in state}

    def read(self, anew: bool = True) -> dict[str, Tensor]:
        """Means since the meters last started anew, on the device; by default they do so now."""
        means = {
            name: mean
            for names, total in self._sums.items()
            for name, mean in zip(names, (total / self._counts[names]).unbind(), strict=True)
        }
        if anew:
            self._sums, self._counts = {}, {}
        return means
