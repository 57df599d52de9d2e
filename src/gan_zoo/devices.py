"""Devices and cores: the device that a setting names, and threads that use one core each."""

from concurrent.futures import ThreadPoolExecutor

import torch

from gan_zoo.schema import ConfigError


def find_device(name: str) -> torch.device:
    """Return the device of a name; auto is CUDA if available.

    Raises ConfigError for a device that is neither the CPU nor an available CUDA device.
    """
    on_cuda = torch.cuda.is_available()
    chosen = ("cuda" if on_cuda else "cpu") if name == "auto" else name
    try:
        if torch.empty(0, device=chosen).device.type in ("cpu", "cuda"):
            return torch.device(chosen)
    except (RuntimeError, AssertionError):
        pass
    count = torch.cuda.device_count()
    cuda = f", cuda or cuda:N with N below {count}" if on_cuda else " (torch sees no CUDA device)"
    raise ConfigError("device", name, f"is not available here; use auto, cpu{cuda}")


def single_core_pool(count: int, name: str) -> ThreadPoolExecutor:
    """Make a pool of `count` threads in which torch's operations use one core each.

    By default each thread would start as many OpenMP threads as there are cores. With more of them
    than cores, idle ones stop spinning, and later training steps take up to twice as long.
    """
    # a thread without a number of its own by now would inherit that of the last thread
    torch.get_num_threads()
    return ThreadPoolExecutor(count, name, torch.set_num_threads, (1,))
