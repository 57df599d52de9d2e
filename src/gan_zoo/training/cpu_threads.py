"""CPU threads of a run: fewer in its steps, or shorter waits, while other programs are busy.

OpenMP's threads wait for each other after every operation, at first by spinning. While another
program has one of the cores, such a wait lasts until the operating system's next turn, and a step
of small networks takes ten to a hundred times as long.
"""

import contextlib
import ctypes
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gan_zoo.architectures.labels import LabelEmbedding
from gan_zoo.cpu_cores import OtherPrograms, available_cores
from gan_zoo.training.step import GANState

_INTERVAL = 0.5  # seconds between two looks at other programs
_STRICT = 0x10000  # MKL_CBWR_STRICT of mkl_service.h
_GRAIN = 1 << 15  # elements for which torch starts another thread
# modules with parameters whose results do not depend on the number of threads
_EXACT = (nn.Linear, nn.Embedding, LabelEmbedding, nn.GroupNorm)


@contextlib.contextmanager
def use_threads(setting: int | str, state: Mapping[str, Any] | None) -> Iterator[None]:
    """Set the number of threads of a run inside this block.

    setting: a number, or auto: that of the checkpoint whose content is `state`, because results
    may depend on it, and for a new run what torch and a container's limit allow.
    """
    before = torch.get_num_threads()
    count = min(before, available_cores())
    if state is not None:
        count = state.get("threads", count)
    torch.set_num_threads(count if setting == "auto" else int(setting))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class CPUThreads:
    """Threads of one run's steps.

    Args:
        adaptable: whether steps may use fewer than the run's number.

    Attributes:
        count: of the run, torch's number at its start; results may depend on it, but not on other
            programs.
    """

    def __init__(self, adaptable: bool = False):
        self.adaptable = adaptable
        self.count = self._now = torch.get_num_threads()
        self._waits, self._others = ShortWaits(), OtherPrograms()
        self._next_look = time.monotonic() + _INTERVAL

    @contextlib.contextmanager
    def of_step(self) -> Iterator[None]:
        """Use as many threads as other programs leave inside this block, and `count` after it."""
        if self.count > 1 and time.monotonic() >= self._next_look:
            self._look()
        if self._now == self.count:
            yield
            return
        torch.set_num_threads(self._now)
        try:
            yield
        finally:
            torch.set_num_threads(self.count)

    def _look(self) -> None:
        free = max(1, round(self._others.free_cores()))
        if free < self.count:
            self._waits.begin(self.count)
        else:
            self._waits.end()
        self._now = min(self.count, free) if self.adaptable else self.count
        self._next_look = time.monotonic() + _INTERVAL

    def close(self) -> None:
        """End short waits."""
        self._waits.end()

    def __str__(self) -> str:
        if self.adaptable and self.count > 1:
            return f"{self.count}, fewer while other programs are busy; results do not depend on it"
        return str(self.count)


class ShortWaits:
    """Makes OpenMP's waiting threads sleep at once, from `begin` to `end`.

    GNU's library does so while a process has more OpenMP threads than cores (GCC's manual,
    GOMP_SPINCOUNT). So another thread has a team of its own, which has nothing to do. Results do
    not change, unlike with fewer threads.
    """

    def __init__(self) -> None:
        self._end: threading.Event | None = None

    def begin(self, count: int) -> None:
        """Start the team, if there is none. count: threads that new threads shall use."""
        if self._end is None:
            self._end, started = threading.Event(), threading.Event()
            given = (count, started, self._end)
            threading.Thread(target=_hold_team, args=given, daemon=True).start()
            started.wait()

    def end(self) -> None:
        """End the team, if there is one."""
        if self._end is not None:
            self._end.set()
            self._end = None


def _hold_team(count: int, started: threading.Event, end: threading.Event) -> None:
    size = available_cores() + 1
    torch.set_num_threads(size)
    torch.full((size * _GRAIN,), 0.0)  # an operation for all of them
    torch.set_num_threads(count)  # new threads begin with the last number that any thread has set
    started.set()
    end.wait()


def is_adaptable(gan: GANState) -> bool:
    """Return whether steps have equal results, bit for bit, with any number of threads.

    That holds for perceptrons in fp32 if MKL computes products in its strict mode, which
    `gan_zoo` asks for; not for convolutions, batch norm, spectral norm and bfloat16.
    """
    modules = [*gan.generator.modules(), *gan.critic.modules()]
    exact = all(type(module) in _EXACT for module in modules if module._parameters)
    return exact and gan.precision == "fp32" and gan.device.type == "cpu" and _is_strict()


def _is_strict() -> bool:
    """Return whether MKL's products are the same for all numbers of threads (its CNR mode)."""
    path = Path(torch.__file__).with_name("lib") / "libtorch_cpu.so"
    try:
        mode = ctypes.CDLL(str(path)).mkl_serv_cbwr_get(-1)  # MKL_CBWR_ALL
    except (OSError, AttributeError):  # another system, or torch without MKL
        return False
    return bool(mode & _STRICT)
