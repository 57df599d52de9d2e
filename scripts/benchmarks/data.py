"""Measure how long a training step waits for its data."""

import argparse
import time
from collections.abc import Callable

from benchmarks.runner import composed, finish
from benchmarks.sheet import Row
from gan_zoo.command_line import whole_number

WARMUP_STEPS = 20  # warmup steps: workers fill their queues, torch selects kernels


def arguments(command: argparse.ArgumentParser) -> None:
    """Define the options of this benchmark."""
    command.add_argument("override", nargs="*", help="as for train.py, such as dataset=mnist")
    command.add_argument(
        "--steps", type=whole_number(1), default=200, help="generator updates (default 200)"
    )
    command.add_argument(
        "--repeats", type=whole_number(1), default=3, help="measurements of each row (default 3)"
    )


def measure(args: argparse.Namespace) -> list[Row]:
    """Return the share of time that steps wait for data, on the device and streamed.

    The rows alternate, so that other load on the machine affects all of them.
    """
    ways = {"on_device": "true", "streamed": "false"}
    runs = {
        way: _timed_training([*args.override, f"dataset.on_device={ways[way]}"]) for way in ways
    }
    rows = []
    for repeat in range(args.repeats):
        for way, run in runs.items():
            seconds, waited = run(args.steps)
            rows.append(
                {
                    "way": way,
                    "repeat": repeat,
                    "steps_per_second": round(args.steps / seconds, 1),
                    "ms_per_step": round(1000 * seconds / args.steps, 3),
                    "ms_waiting": round(1000 * waited / args.steps, 3),
                    "waiting_share": round(waited / seconds, 4),
                }
            )
    return rows


def _timed_training(overrides: list[str]) -> Callable[[int], tuple[float, float]]:
    """Return a function from a number of steps to their seconds, and those spent on batches."""
    trainer = composed(overrides)
    fetch, waited = trainer.loader.next, [0.0]

    def timed_fetch() -> tuple:
        start = time.perf_counter()
        batch = fetch()
        waited[0] += time.perf_counter() - start
        return batch

    def steps(count: int) -> tuple[float, float]:
        finish()
        start, waited[0] = time.perf_counter(), 0.0
        for _ in range(count):
            trainer.train_steps()
        finish()
        return time.perf_counter() - start, waited[0]

    trainer.loader.next = timed_fetch
    steps(WARMUP_STEPS)
    return steps
