"""Measure startup times, relative to the time of importing torch."""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.runner import TRAIN, environment
from benchmarks.sheet import Row
from gan_zoo.command_line import EXIT_USAGE, whole_number

FIRST_STEP = Path(__file__).parent / "first_step.py"


def arguments(command: argparse.ArgumentParser) -> None:
    """Define the options of this benchmark."""
    command.add_argument("override", nargs="*", help="as for train.py, for the row `first step`")
    command.add_argument(
        "--repeats", type=whole_number(1), default=5, help="measurements of each row (default 5)"
    )


def measure(args: argparse.Namespace) -> list[Row]:
    """Return the wall clock and processor seconds of each command.

    The rows alternate, so that other load on the machine affects all of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = [*args.override, f"hydra.run.dir={folder}/${{now:%H-%M-%S-%f}}"]
        commands = {
            "import torch": (["-c", "import torch, os; os._exit(0)"], 0),
            "--help": ([TRAIN, "--help"], 0),
            "wrong value": ([TRAIN, "n_critic=0"], EXIT_USAGE),
            "wrong key": ([TRAIN, "stesp=1"], EXIT_USAGE),
            # -P: modules of the script's folder must not hide others
            "first step": (["-P", FIRST_STEP, *run], 0),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(args.repeats):
            for name, (words, code) in commands.items():
                times[name].append(_seconds([sys.executable, *map(str, words)], code))
    medians = {
        name: [median(column) for column in zip(*pairs, strict=True)]
        for name, pairs in times.items()
    }
    floor = medians["import torch"]
    return [
        {
            "command": name,
            "seconds": round(wall, 3),
            "cpu_seconds": round(cpu, 3),
            "x_import_torch": round(wall / floor[0], 2),
            "cpu_x_import_torch": round(cpu / floor[1], 2),
        }
        for name, (wall, cpu) in medians.items()
    ]


def _seconds(command: list[str], code: int) -> tuple[float, float]:
    """Return wall clock and processor seconds of a command that must end with this code."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(command, capture_output=True, text=True, env=environment())
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode != code:
        sys.exit(ended.stderr.strip() or f"error: {command} ended with {ended.returncode}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
