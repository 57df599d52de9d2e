"""Running means on the device, read only on demand."""

import torch
from torch import Tensor


class MeanMetrics:
    """Running means of named scalars; adds each group of names as one tensor."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], Tensor] = {}
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, metrics: dict[tuple[str, ...], Tensor], count: int) -> None:
        """Add a value (names,) for each name, or sums of `count` values, without synchronizing."""
        for names, values in metrics.items():
            if names in self._sums:
                self._sums[names].add_(values)
            else:
                self._sums[names] = values.clone()  # whoever told may use the memory again
            self._counts[names] = self._counts.get(names, 0) + count

    def state(self) -> list[dict]:
        """Sums and counts since the last reset, as plain values and tensors."""
        return [
            {"names": list(names), "sum": total, "count": self._counts[names]}
            for names, total in self._sums.items()
        ]

    def restore(self, state: list[dict], device: torch.device) -> None:
        """Restore a state."""
        self._sums = {tuple(group["names"]): group["sum"].to(device) for group in state}
        self._counts = {tuple(group["names"]): group["count"] for group in state}

    def compute(self, reset: bool = True) -> dict[str, Tensor]:
        """Means since the last reset, on the device; resets by default."""
        means = {
            name: mean
            for names, total in self._sums.items()
            for name, mean in zip(names, (total / self._counts[names]).unbind(), strict=True)
        }
        if reset:
            self._sums, self._counts = {}, {}
        return means
