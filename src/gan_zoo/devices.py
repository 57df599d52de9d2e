"""Devices: the one that a setting names, what it can do; and threads that use one core each."""

import os
import platform
from concurrent.futures import ThreadPoolExecutor

import torch

from gan_zoo.schema import ConfigError


def find_device(name: str) -> torch.device:
    """Return the device of a name; auto: CUDA, else another accelerator, else the CPU.

    Raises ConfigError for a device on which this machine cannot compute.
    """
    accelerators = available_accelerators()
    if name == "auto":
        return torch.device(next(iter(accelerators), "cpu"))
    if _computes(name):
        return torch.device(name)
    count = torch.cuda.device_count()
    names = {"cuda": f"cuda or cuda:N with N below {count}"}
    known = ", ".join(["auto", "cpu", *(names.get(kind, kind) for kind in accelerators)])
    none = "" if accelerators else " (torch sees no accelerator)"
    raise ConfigError("device", name, f"is not available here; use {known}{none}")


def available_accelerators() -> list[str]:
    """Return the types of devices that this machine has besides the CPU, CUDA first."""
    found = ["cuda"] if torch.cuda.is_available() else []
    other = torch.accelerator.current_accelerator(check_available=True)
    if other is not None and other.type not in found and _computes(other.type):
        found.append(other.type)
    return found


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES has them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return given.split(",")[:count] if given else [str(number) for number in range(count)]


def _computes(name: str) -> bool:
    """Return whether tensors on a device have values: those on `meta` have none."""
    try:
        kind = torch.empty(0, device=name).device.type
        return kind in ("cpu", "cuda") or torch.ones(1, device=name).item() == 1
    except Exception:  # types that torch knows and this machine lacks fail in many ways
        return False


def device_name(device: torch.device) -> str:
    """Return the name of a device's hardware, as far as torch knows it."""
    if device.type == "cpu":
        return platform.machine()
    if device.type == "mps":
        return torch.backends.mps.get_name()
    find = getattr(torch.get_device_module(device), "get_device_name", None)
    return find(device) if find else f"{device.type} of {platform.machine()}"


def synchronize(device: torch.device) -> None:
    """Wait until a device has finished all work."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def copies_asynchronously(device: torch.device) -> bool:
    """Return whether copies to and from a device may be asynchronous.

    Only CUDA orders them with the work that follows: on MPS such a copy may read memory that was
    released (https://github.com/pytorch/pytorch/issues/189690).
    """
    return device.type == "cuda"


def machine_memory() -> int:
    """Return the bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the layout of images and convolutions: the faster one, where it is known to work."""
    known = device.type in ("cpu", "cuda")
    return torch.channels_last if known else torch.contiguous_format


def float64_device(device: torch.device) -> torch.device:
    """Return the device for float64 math near a device: itself, or the CPU if it has none."""
    try:
        torch.ones(1, dtype=torch.float64, device=device).exp()
    except (RuntimeError, TypeError):
        return torch.device("cpu")
    return device


def to_float64(x: torch.Tensor) -> torch.Tensor:
    """Convert a tensor to float64, on the CPU if its device has none."""
    return x.to(float64_device(x.device)).double()


def single_core_pool(count: int, name: str) -> ThreadPoolExecutor:
    """Make a pool of `count` threads in which torch's operations use one core each.

    By default each thread would start as many OpenMP threads as there are cores. With more of them
    than cores, idle ones stop spinning, and later training steps take up to twice as long.
    """
    # a thread without a number of its own by now would inherit that of the last thread
    torch.get_num_threads()
    return ThreadPoolExecutor(count, name, torch.set_num_threads, (1,))
