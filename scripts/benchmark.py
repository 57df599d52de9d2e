"""Measure how fast gan_zoo is on this machine: `python scripts/benchmark.py data`."""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir

from gan_zoo import launch
from gan_zoo.experiment import read

CONFIGS = Path(__file__).parents[1] / "configs"
PREPARED = 20  # steps before the clock starts: workers fill their queues, kernels are chosen


def main() -> None:
    """Run one benchmark, print its table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("data", help="how long a training step waits for its data")
    command.add_argument("override", nargs="*", help="as for train.py, such as dataset=mnist")
    command.add_argument("--steps", type=int, default=200, help="generator updates (default 200)")
    command.add_argument("--repeats", type=int, default=3, help="of each row, for the spread")
    command.set_defaults(measure=measure_data)
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks"), help="for JSON")
    asked = parser.parse_args()
    rows = asked.measure(asked)
    show(rows)
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / f"{asked.measure.__name__.removeprefix('measure_')}.json"
    content = {"machine": platform.processor() or platform.machine(), "rows": rows}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path}")


def measure_data(asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Time that steps wait for data, as a share of all their time, resident and streaming.

    The rows take turns, so that what else the machine does meanwhile falls on all of them.
    """
    ways = {"resident": "true", "streamed": "false"}
    runs = {
        way: _timed_training([*asked.override, f"dataset.resident={ways[way]}"]) for way in ways
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
    from gan_zoo.data.residence import place
    from gan_zoo.run import compose as composed
    from gan_zoo.run import load_samples

    with initialize_config_dir(str(CONFIGS.resolve()), version_base="1.3"):
        experiment = read(launch.plain(compose("train", overrides)))
    device = experiment.device()
    training = composed(experiment, place(load_samples(experiment), device, experiment.dataset))
    fetch, waited = training.feed.next, [0.0]

    def timed_fetch() -> Any:
        began = time.perf_counter()
        batch = fetch()
        waited[0] += time.perf_counter() - began
        return batch

    def steps(count: int) -> tuple[float, float]:
        _finish(device)
        began, waited[0] = time.perf_counter(), 0.0
        for _ in range(count):
            training.advance()
        _finish(device)
        return time.perf_counter() - began, waited[0]

    training.feed.next = timed_fetch  # type: ignore[method-assign]
    steps(PREPARED)
    return steps


def _finish(device: Any) -> None:
    """Wait until a device has done all that was asked of it."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize(device)


def show(rows: list[dict[str, Any]]) -> None:
    """Print rows with the same keys as a table."""
    names = list(rows[0])
    table = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


if __name__ == "__main__":
    launch.in_one_line(main, CONFIGS)
