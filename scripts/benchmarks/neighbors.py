"""Compare threads=auto with fixed numbers of threads while other programs are busy."""

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from benchmarks.runner import composed
from benchmarks.sheet import Row
from gan_zoo.cpu_cores import available_cores

_SETTLE = 1.2  # seconds in which threads=auto adapts before it is measured


def compare_threads(
    cases: Mapping[str, Sequence[str]], counts: Sequence[int], seconds: float, rounds: int
) -> Iterator[Row]:
    """Yield rows of median step times: one thread, one for each core, and auto.

    cases: command lines by name; counts: of busy programs; seconds: of each measurement.
    """
    for count in counts:
        for case, words in cases.items():
            with _busy_programs(count):
                yield from _rows(case, words, count, seconds, rounds)


@contextlib.contextmanager
def _busy_programs(count: int) -> Iterator[None]:
    command = [sys.executable, "-c", "while True: pass"]
    programs = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def _rows(case: str, words: Sequence[str], count: int, seconds: float, rounds: int) -> list[Row]:
    cores = available_cores()
    trainers = {"auto": _trainer(words, cores)}
    for threads in sorted({1, cores}):
        trainer = trainers[str(threads)] = _trainer(words, threads)
        trainer.threads.of_step = contextlib.nullcontext  # as torch is without gan_zoo
    times: dict[str, list[float]] = {name: [] for name in trainers}
    for _ in range(rounds):
        for name, trainer in trainers.items():
            with contextlib.closing(trainer.threads):
                torch.set_num_threads(trainer.threads.count)
                _step_time(trainer, _SETTLE if name == "auto" else seconds / 4)
                times[name].append(_step_time(trainer, seconds))
    medians = {name: statistics.median(values) for name, values in times.items()}
    best = min(value for name, value in medians.items() if name != "auto")
    return [
        {
            "case": case,
            "neighbors": count,
            "threads": name,
            "ms_per_step": round(1e3 * value, 2),
            "times_best": round(value / best, 2),
        }
        for name, value in medians.items()
    ]


def _trainer(words: Sequence[str], threads: int) -> Any:
    torch.set_num_threads(threads)
    trainer = composed([*words])
    trainer.setup_runner(0)
    trainer.train_steps()
    return trainer


def _step_time(trainer: Any, seconds: float) -> float:
    """Return the mean time of the steps made in so many seconds, at least one."""
    start, made = time.perf_counter(), 0
    while made == 0 or time.perf_counter() - start < seconds:
        trainer.train_steps()
        made += 1
    return (time.perf_counter() - start) / made
