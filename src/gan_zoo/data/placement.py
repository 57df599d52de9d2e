"""Placement of samples during training: on the device if they fit, else in host memory."""

import contextlib
import logging
from typing import TYPE_CHECKING

import torch

from gan_zoo.data.in_memory import HostDataset, InMemoryDataset
from gan_zoo.devices import machine_memory
from gan_zoo.schema import ConfigError

if TYPE_CHECKING:
    from gan_zoo.data.dataset import Dataset

log = logging.getLogger(__name__)

_SHARE = 0.5  # of the memory; networks, and other runs, need the rest


def place_data(
    samples: InMemoryDataset, device: torch.device, dataset: "Dataset"
) -> InMemoryDataset:
    """Move samples to the device, or set them up for streaming, as `dataset.on_device` requires.

    `auto` moves them if they take at most half of the device's free memory (of all memory for the
    CPU, where samples in a mapped file are read in place).

    Raises ConfigError if they must be on the device and do not fit; also for auto on a device that
    does not tell its memory.
    """
    memory = _available_memory(device)
    on_device = dataset.on_device
    if on_device == "auto":
        on_device = samples.size <= _SHARE * memory
    streamed = f"streamed to {device} by {dataset.workers} threads"
    how = f"resident on {device}" if on_device else streamed
    shape = "x".join(map(str, samples.shape))
    sizes = f"{samples.size / 1e6:,.1f} MB of {memory / 1e6:,.0f}"
    log.info("%-13s %s samples of %s, %s: %s", "data", f"{len(samples):,}", shape, sizes, how)
    if not on_device:
        return HostDataset(**vars(samples), target=device, workers=dataset.workers)
    try:
        return samples.to(device)
    except torch.OutOfMemoryError:
        allowed = f"{sizes} do not fit on {device}; use dataset.on_device=false"
        raise ConfigError("dataset.on_device", str(dataset.on_device).lower(), allowed) from None


def _available_memory(device: torch.device) -> int:
    """Return the free bytes of a device, or all bytes of this machine's memory.

    The latter for the CPU, and for devices that do not tell: Apple's share the machine's memory.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        with contextlib.suppress(RuntimeError):
            return torch.accelerator.get_memory_info(device)[0]
    return machine_memory()
