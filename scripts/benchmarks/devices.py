"""Measure one run on several devices: against one device, and against as many separate runs."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.runner import TRAIN, environment
from benchmarks.sheet import Row
from benchmarks.step import CASES
from gan_zoo.command_line import whole_number
from gan_zoo.cpu_cores import thread_share


def arguments(command: argparse.ArgumentParser) -> None:
    """Define the options of this benchmark."""
    command.add_argument("override", nargs="*", help="as for train.py, such as batch_size=256")
    command.add_argument("--case", nargs="+", choices=CASES, default=["mlp"], help="what to train")
    command.add_argument(
        "--device", default="cpu", help="cpu (default): a share of the cores; cuda"
    )
    command.add_argument(
        "--devices", type=whole_number(2), default=2, help="of the run (default 2)"
    )
    command.add_argument("--steps", type=whole_number(1), default=300, help="default 300")
    command.add_argument(
        "--repeats", type=whole_number(1), default=1, help="measurements of each row (default 1)"
    )


def measure(args: argparse.Namespace) -> Iterator[Row]:
    """Yield steps per second of whole batches in each way, the best of the repeats.

    efficiency: of several devices, 1 where twice the devices make twice the steps. separate: steps
    of all separate runs together, relative to those of the run on all devices.
    """
    for case in args.case:
        words = [*CASES[case], f"device={args.device}", f"steps={args.steps}", "evaluate_every=0"]
        words += ["sample_every=0", "log_every=0", *args.override]
        if args.device == "cpu":
            words.append(f"threads={thread_share(args.devices)}")
        ways = {
            "one": [words],
            "several": [[*words, f"devices={args.devices}"]],
            "separate": [[*words, f"seed={seed}"] for seed in range(args.devices)],
        }
        best = dict.fromkeys(ways, 0.0)
        for _ in range(args.repeats):
            for way, runs in ways.items():
                best[way] = max(best[way], _steps_per_second(runs, args))
        yield {
            "case": case,
            "devices": args.devices,
            **{f"steps_per_second_{way}": round(speed, 1) for way, speed in best.items()},
            "efficiency": round(best["several"] / best["one"] / args.devices, 2),
            "separate": round(best["separate"] / best["several"], 2),
        }


def _steps_per_second(runs: Sequence[Sequence[str]], args: argparse.Namespace) -> float:
    """Return the steps per second, without starts, of runs that train at the same time."""
    with tempfile.TemporaryDirectory() as folder:
        started = []
        for number, words in enumerate(runs):
            own = environment()
            if len(runs) > 1:
                own["CUDA_VISIBLE_DEVICES"] = str(number)
            command = [sys.executable, str(TRAIN), *words, f"hydra.run.dir={folder}/{number}"]
            started.append(
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=own)
            )
        for process in started:
            _, error = process.communicate()
            if process.returncode:
                sys.exit(error.decode().strip() or f"error: {process.args} failed")
        summaries = [json.loads(path.read_text()) for path in Path(folder).glob("*/summary.json")]
    return sum(args.steps / summary["seconds"] for summary in summaries)
