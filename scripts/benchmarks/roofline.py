"""Compute the lower bound of a step: its multiplications at the rate of a large matrix product."""

from collections.abc import Callable

from benchmarks.runner import finish

SIDE = 2048


def floor(step: Callable[[], None], device: str, clock: Callable[[], float]) -> float:
    """Return the seconds of a step's matrix products and convolutions at the machine's rate."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops() / _rate(device, clock)


def _rate(device: str, clock: Callable[[], float]) -> float:
    """Return the floating point operations per second of a large fp32 matrix product."""
    import torch

    a = torch.randn(SIDE, SIDE, device=device)
    times = []
    for _ in range(5):
        finish()
        start = clock()
        a @ a
        finish()
        times.append(clock() - start)
    return 2 * SIDE**3 / min(times)


def peak_memory(step: Callable[[], None]) -> float | None:
    """Return the peak GPU memory of a few steps in megabytes, or None without a GPU."""
    import torch

    if not torch.cuda.is_available():
        return None
    torch.cuda.reset_peak_memory_stats()
    for _ in range(3):
        step()
    return round(torch.cuda.max_memory_allocated() / 1e6, 1)
