"""How long it takes to begin, as a multiple of what importing torch takes."""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.sheet import Row
from gan_zoo.command_line import EXIT_USAGE, whole_number

TRAIN = Path(__file__).parents[2] / "train.py"
FIRST_STEP = Path(__file__).parent / "first_step.py"


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be asked of this benchmark."""
    command.add_argument("override", nargs="*", help="of the training whose first step is timed")
    command.add_argument(
        "--repeats", type=whole_number(1), default=5, help="of each row, for its median"
    )


def measure(asked: argparse.Namespace) -> list[Row]:
    """Seconds from command to answer, of the clock and of the processor.

    The rows take turns, so that what else the machine does meanwhile falls on all of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = [*asked.override, f"hydra.run.dir={folder}/${{now:%H-%M-%S-%f}}"]
        commands = {
            "import torch": (["-c", "import torch, os; os._exit(0)"], 0),
            "--help": ([TRAIN, "--help"], 0),
            "wrong value": ([TRAIN, "n_critic=0"], EXIT_USAGE),
            "wrong key": ([TRAIN, "stesp=1"], EXIT_USAGE),
            # -P: the folder's own logging.py is not Python's
            "first step": (["-P", FIRST_STEP, *run], 0),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(asked.repeats):
            for name, (words, code) in commands.items():
                times[name].append(_seconds([sys.executable, *map(str, words)], code))
    middle = {
        name: [median(column) for column in zip(*pairs, strict=True)]
        for name, pairs in times.items()
    }
    floor = middle["import torch"]
    return [
        {
            "command": name,
            "seconds": round(wall, 3),
            "cpu_seconds": round(cpu, 3),
            "x_import_torch": round(wall / floor[0], 2),
            "cpu_x_import_torch": round(cpu / floor[1], 2),
        }
        for name, (wall, cpu) in middle.items()
    ]


def _seconds(command: list[str], code: int) -> tuple[float, float]:
    """Seconds of the clock, and of the processor, until a command ends, with the code expected."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    # this program's own launch asks Hydra for whole errors
    environment = {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode != code:
        sys.exit(ended.stderr.strip() or f"error: {command} ended with {ended.returncode}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
