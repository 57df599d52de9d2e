"""What a step cannot go below: its multiplications, at the rate of one large matrix product."""

from collections.abc import Callable

from benchmarks.runner import finish

SIDE = 2048


def floor(step: Callable[[], None], device: str, clock: Callable[[], float]) -> float:
    """Seconds that a step's matrix products and convolutions would take at the machine's rate."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops() / _rate(device, clock)


def _rate(device: str, clock: Callable[[], float]) -> float:
    """Floating point operations per second of a large fp32 matrix product."""
    import torch

    a = torch.randn(SIDE, SIDE, device=device)
    times = []
    for _ in range(5):
        finish()
        began = clock()
        a @ a
        finish()
        times.append(clock() - began)
    return 2 * SIDE**3 / min(times)


def peak_memory(step: Callable[[], None]) -> float | None:
    """Megabytes that a few steps take on the GPU at most; None where there is none."""
    import torch

    if not torch.cuda.is_available():
        return None
    torch.cuda.reset_peak_memory_stats()
    for _ in range(3):
        step()
    return round(torch.cuda.max_memory_allocated() / 1e6, 1)
