"""Values on their way from the device: asked for at one step, read when they have arrived."""

import time

import torch
from torch import Tensor


class HostCopy:
    """A tensor's copy in the host's memory, which the device makes when it comes to it.

    A tensor that is there already is not copied: it must not be changed afterwards.
    """

    def __init__(self, source: Tensor):
        self._copy = source.detach().to("cpu", non_blocking=True)
        self._made = torch.cuda.Event() if source.is_cuda else None
        if self._made is not None:
            self._made.record()

    @property
    def immediate(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._made is None

    def wait(self) -> Tensor:
        """The copy, on the CPU."""
        if self._made is not None:
            self._made.synchronize()
        return self._copy


class PendingMetrics:
    """Scalars on the device as they are at one step, with the time at which they were asked for.

    Args:
        step, images: generator updates made, and real images seen.
        values: scalars by name, all on one device.
    """

    def __init__(self, step: int, images: int, values: dict[str, Tensor]):
        self.step, self.images, self.time = step, images, time.monotonic()
        self._names = tuple(values)
        self._transfer = HostCopy(torch.stack([value.float() for value in values.values()]))
        self.immediate = self._transfer.immediate

    def values(self) -> dict[str, float]:
        """The values, once they have arrived."""
        return dict(zip(self._names, self._transfer.wait().tolist(), strict=True))
