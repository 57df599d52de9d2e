"""Where samples live while they are trained on: on the device if they fit, else on the host."""

import logging
import os
from typing import TYPE_CHECKING

import torch

from gan_zoo.data.in_memory import HostDataset, InMemoryDataset
from gan_zoo.schema import ConfigError

if TYPE_CHECKING:
    from gan_zoo.data.dataset import Dataset

log = logging.getLogger(__name__)

_SHARE = 0.5  # of the memory; networks, and other runs, need the rest


def place_data(
    samples: InMemoryDataset, device: torch.device, dataset: "Dataset"
) -> InMemoryDataset:
    """The samples on the device, or set to stream to it, as `dataset.on_device` says.

    `auto` keeps them on the device if they take at most half of its free memory (of all memory,
    where the device is the CPU: samples in a mapped file are then read where they are).

    Raises ConfigError if they must be resident and do not fit.
    """
    room = _ROOM.get(device.type, _host_room)(device)
    resident = {"auto": samples.size <= _SHARE * room}.get(dataset.on_device, dataset.on_device)
    how = (
        f"resident on {device}"
        if resident
        else f"streamed to {device} by {dataset.workers} threads"
    )
    shape = "x".join(map(str, samples.shape))
    sizes = f"{samples.size / 1e6:,.1f} MB of {room / 1e6:,.0f}"
    log.info("%-13s %s samples of %s, %s: %s", "data", f"{len(samples):,}", shape, sizes, how)
    if not resident:
        fields = vars(samples)
        return HostDataset(**fields, target=device, workers=dataset.workers)
    try:
        return samples.to(device)
    except torch.OutOfMemoryError:
        allowed = f"{sizes} do not fit on {device}; use dataset.on_device=auto"
        raise ConfigError("dataset.on_device", "true", allowed) from None


def _host_room(_: torch.device) -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cuda_room(device: torch.device) -> int:
    """Bytes of memory of a CUDA device that nobody uses."""
    return torch.cuda.mem_get_info(device)[0]


_ROOM = {"cuda": _cuda_room}
