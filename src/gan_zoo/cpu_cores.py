"""Cores that this process may use, and how many of them other programs are using. No torch."""

import math
import os
import time
from pathlib import Path

_STAT = Path("/proc/stat")  # Linux
_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of CPU time per period
_IDLE = (3, 4)  # columns of a core's line: idle, and waiting for a disk
_COLUMNS = 8  # the rest is time of virtual machines, which the first columns include


def available_cores() -> int:
    """Return the number of cores that this process may use, at least 1.

    Respects the process's affinity and the CPU limit of a container (cgroup 2).
    """
    cores = len(_own_cores())
    try:
        quota, period = _LIMIT.read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max": no limit
        return cores


def thread_share(jobs: int) -> int:
    """Return how many threads each of several processes gets on this machine."""
    return max(1, available_cores() // jobs)


class OtherPrograms:
    """Measures how many cores other programs leave, of those that this process may use."""

    def __init__(self) -> None:
        self._cores = _own_cores()
        self._last = self._read()

    def free_cores(self) -> float:
        """Return the mean number since the last call; all where the system does not say."""
        before, now = self._last, self._read()
        self._last = now
        elapsed, everything, own = (b - a for a, b in zip(before, now, strict=True))
        busy = max(0.0, everything - own) / elapsed if elapsed > 0 else 0.0
        return len(self._cores) - busy

    def _read(self) -> tuple[float, float, float]:
        """Return now, and the CPU seconds of all programs and of this process."""
        times = os.times()
        own = times.user + times.system
        try:
            lines = [line.split() for line in _STAT.read_text().splitlines()]
            everything = sum(_busy(line) for line in lines if line[0] in self._cores)
        except (OSError, ValueError, IndexError):
            everything = own
        return time.monotonic(), everything, own


def _busy(line: list[str]) -> float:
    """Return the seconds in which a core worked, from its line."""
    ticks = list(map(int, line[1 : 1 + _COLUMNS]))
    return (sum(ticks) - sum(ticks[i] for i in _IDLE)) / os.sysconf("SC_CLK_TCK")


def _own_cores() -> set[str]:
    """Return the names, as in /proc/stat, of the cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return {f"cpu{core}" for core in (affinity(0) if affinity else range(os.cpu_count() or 1))}
