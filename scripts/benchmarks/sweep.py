"""Measure whole sweeps of equal jobs: one after the other, by joblib's processes, and in stacks."""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from benchmarks.runner import TRAIN, environment
from benchmarks.sheet import Row
from benchmarks.step import CASES
from gan_zoo.command_line import whole_number

STEPS = {"mixture": 10_000, "mlp": 6_000}  # of a job, so that starts do not dominate


def arguments(command: argparse.ArgumentParser) -> None:
    """Define the options of this benchmark."""
    command.add_argument("override", nargs="*", help="as for train.py, such as steps=500")
    command.add_argument("--case", nargs="+", choices=STEPS, default=[*STEPS], help="what to train")
    command.add_argument("--jobs", type=whole_number(2), default=4, help="of a sweep (default 4)")
    command.add_argument(
        "--workers", type=whole_number(2), default=2, help="processes at once (default 2)"
    )
    command.add_argument(
        "--repeats", type=whole_number(1), default=1, help="measurements of each row (default 1)"
    )


def measure(args: argparse.Namespace) -> Iterator[Row]:
    """Yield the seconds of whole commands, and how many times faster several processes are.

    stacked: several processes with stack=auto. The fastest of the repeats counts, for which all
    ways alternate.
    """
    at_once = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={args.workers}"]
    ways: list[list[str]] = [[], at_once, [*at_once, "stack=auto"]]
    for case in args.case:
        words = [*CASES[case], "device=cpu", f"steps={STEPS[case]}"]
        seeds = ",".join(map(str, range(args.jobs)))
        words += [f"seed={seeds}", *args.override]
        found = [[_seconds([*words, *way]) for way in ways] for _ in range(args.repeats)]
        sequential, parallel, stacked = map(min, zip(*found, strict=True))
        yield {
            "case": case,
            "jobs": args.jobs,
            "workers": args.workers,
            "seconds_sequential": round(sequential, 1),
            "seconds_parallel": round(parallel, 1),
            "seconds_stacked": round(stacked, 1),
            "times_faster": round(sequential / parallel, 2),
            "times_faster_stacked": round(sequential / stacked, 2),
        }


def _seconds(words: list[str]) -> float:
    """Return the wall clock seconds of a sweep in a folder of its own."""
    command = [sys.executable, str(TRAIN), "-m", *words]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        ended = subprocess.run(
            command, capture_output=True, text=True, cwd=folder, env=environment()
        )
        seconds = time.perf_counter() - start
    if ended.returncode:
        sys.exit(ended.stderr.strip() or f"error: {command} ended with {ended.returncode}")
    return seconds
