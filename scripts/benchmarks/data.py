"""How long a training step waits for its data."""

import argparse
import time
from collections.abc import Callable

from benchmarks.runner import composed, finish
from benchmarks.sheet import Row
from gan_zoo.command_line import whole_number

PREPARED = 20  # steps before the clock starts: workers fill their queues, kernels are chosen


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be asked of this benchmark."""
    command.add_argument("override", nargs="*", help="as for train.py, such as dataset=mnist")
    command.add_argument(
        "--steps", type=whole_number(1), default=200, help="generator updates (default 200)"
    )
    command.add_argument(
        "--repeats", type=whole_number(1), default=3, help="of each row, for the spread"
    )


def measure(asked: argparse.Namespace) -> list[Row]:
    """Time that steps wait for data, as a share of all their time, resident and streaming.

    The rows take turns, so that what else the machine does meanwhile falls on all of them.
    """
    ways = {"resident": "true", "streamed": "false"}
    runs = {
        way: _timed_training([*asked.override, f"dataset.on_device={ways[way]}"]) for way in ways
    }
    rows = []
    for repeat in range(asked.repeats):
        for way, run in runs.items():
            seconds, waited = run(asked.steps)
            rows.append(
                {
                    "way": way,
                    "repeat": repeat,
                    "steps_per_second": round(asked.steps / seconds, 1),
                    "ms_per_step": round(1000 * seconds / asked.steps, 3),
                    "ms_waiting": round(1000 * waited / asked.steps, 3),
                    "waiting_share": round(waited / seconds, 4),
                }
            )
    return rows


def _timed_training(overrides: list[str]) -> Callable[[int], tuple[float, float]]:
    """A function from a number of steps to the seconds they take, and those spent on batches."""
    trainer = composed(overrides)
    fetch, waited = trainer.loader.next, [0.0]

    def timed_fetch() -> tuple:
        began = time.perf_counter()
        batch = fetch()
        waited[0] += time.perf_counter() - began
        return batch

    def steps(count: int) -> tuple[float, float]:
        finish()
        began, waited[0] = time.perf_counter(), 0.0
        for _ in range(count):
            trainer.train_steps()
        finish()
        return time.perf_counter() - began, waited[0]

    trainer.loader.next = timed_fetch
    steps(PREPARED)
    return steps
