"""Running means on the device, and their copies on the host, for which training never waits."""

import time
from typing import Any

import torch
from torch import Tensor

from gan_zoo.devices import copies_asynchronously


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
                self._sums[names] = values.clone()  # a CUDA graph overwrites its outputs
            self._counts[names] = self._counts.get(names, 0) + count

    def compute(self, reset: bool = True) -> dict[str, Tensor]:
        """Return the means since the last reset, on the device; resets by default."""
        means = {
            name: mean
            for names, total in self._sums.items()
            for name, mean in zip(names, (total / self._counts[names]).unbind(), strict=True)
        }
        if reset:
            self._sums, self._counts = {}, {}
        return means

    def state_dict(self) -> list[dict[str, Any]]:
        """Return sums and counts since the last reset, as plain values and tensors."""
        return [
            {"names": list(names), "sum": total, "count": self._counts[names]}
            for names, total in self._sums.items()
        ]

    def load_state_dict(self, state: list[dict[str, Any]], device: torch.device) -> None:
        """Load a `state_dict` onto a device."""
        self._sums = {tuple(group["names"]): group["sum"].to(device) for group in state}
        self._counts = {tuple(group["names"]): group["count"] for group in state}


class HostCopy:
    """Copy of a tensor in host memory, made asynchronously where the tensor is on a CUDA device.

    A tensor on the CPU is not copied: do not change it afterwards.
    """

    def __init__(self, source: Tensor):
        asynchronous = copies_asynchronously(source.device)
        self._copy = source.detach().to("cpu", non_blocking=asynchronous)
        self._event = torch.cuda.Event() if asynchronous else None
        if self._event is not None:
            self._event.record()

    @property
    def immediate(self) -> bool:
        """Whether `wait` returns at once."""
        return self._event is None

    def wait(self) -> Tensor:
        """Return the copy, on the CPU."""
        if self._event is not None:
            self._event.synchronize()
        return self._copy


class PendingMetrics(HostCopy):
    """Scalars of one step on their way to the host, with the time at which they were computed.

    Args:
        step, images: generator updates made, and real images seen.
        values: scalars by name, all on one device.
    """

    def __init__(self, step: int, images: int, values: dict[str, Tensor]):
        self.step, self.images, self.time = step, images, time.monotonic()
        self._names = tuple(values)
        super().__init__(torch.stack([value.float() for value in values.values()]))

    def values(self) -> dict[str, float]:
        """Return the values; waits until they have arrived."""
        return dict(zip(self._names, self.wait().tolist(), strict=True))
