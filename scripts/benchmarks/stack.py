"""Measure runs trained as one stack, against the same runs one after the other and at once."""

import argparse
import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from benchmarks.sheet import Row
from benchmarks.step import CASES as STEP_CASES
from gan_zoo.command_line import whole_number
from gan_zoo.cpu_cores import available_cores

_WIDTHS = [f"architecture.{name}.width=8" for name in ("generator", "critic")]
CASES = {**STEP_CASES, "small_dcgan": [*STEP_CASES["dcgan"], *_WIDTHS, "batch_size=16"]}
_WARM_UP = 3  # calls
_PATIENCE = 300  # seconds in which another process must be ready


def arguments(command: argparse.ArgumentParser) -> None:
    """Define the options of this benchmark."""
    command.add_argument("override", nargs="*", help="for every case, such as batch_size=512")
    command.add_argument(
        "--case",
        nargs="+",
        choices=CASES,
        default=["mixture", "mlp", "small_dcgan"],
        help="what to train",
    )
    command.add_argument(
        "--runs", nargs="+", type=whole_number(1), default=[1, 4, 8, 16, 32], help="runs of a stack"
    )
    command.add_argument("--compile", nargs="+", default=["false"], help="of the stack's steps")
    command.add_argument(
        "--processes",
        type=whole_number(1),
        default=available_cores(),
        help="at once (default: one for each core)",
    )
    command.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1")
    command.add_argument(
        "--seconds", type=whole_number(1), default=4, help="of each measurement (default 4)"
    )


def measure(args: argparse.Namespace) -> Iterator[Row]:
    """Yield steps per second, of all runs together.

    one_by_one: a run alone with all cores. at_once: several processes, each with one run.
    stack: all runs in one process with all cores. stacks: several processes, each with its share
    of the runs as a stack.
    """
    processes = args.processes
    for case in args.case:
        words = [*CASES[case], f"device={args.device}", *args.override]
        one_by_one = _speed(_trainer(words), args.seconds)
        at_once = sum(_at_once([(_trainer, (words,))] * processes, args.seconds))
        for runs, compiled in itertools.product(args.runs, args.compile):
            given = (words, runs, compiled == "true")
            stack = runs * _speed(_stack(*given), args.seconds)
            shares = [len(range(number, runs, processes)) for number in range(processes)]
            parts = [(_stack, (words, share, compiled == "true")) for share in shares if share]
            speeds = _at_once(parts, args.seconds)
            stacks = sum(n * speed for n, speed in zip(shares, speeds, strict=False))
            yield {
                "case": case,
                "runs": runs,
                "compile": compiled,
                "one_by_one": round(one_by_one, 1),
                "at_once": round(at_once, 1),
                "stack": round(stack, 1),
                "stacks": round(stacks, 1),
                "times_one_by_one": round(max(stack, stacks) / one_by_one, 2),
                "times_at_once": round(max(stack, stacks) / at_once, 2),
            }


class _Steps(NamedTuple):
    """Makes so many steps per call, on a device."""

    act: Callable[[int], None]
    count: int
    device: Any


def _speed(steps: _Steps, seconds: float) -> float:
    """Return steps per second, after a warm-up."""
    from gan_zoo.devices import synchronize

    for _ in range(_WARM_UP):
        steps.act(steps.count)
    synchronize(steps.device)
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        steps.act(steps.count)
        synchronize(steps.device)
        calls += 1
    return calls * steps.count / (time.perf_counter() - start)


def _trainer(words: Sequence[str]) -> _Steps:
    """Return what makes steps of a run alone."""
    from benchmarks.runner import composed

    trainer = composed([*words])
    return _Steps(trainer.train_steps, trainer.setup_runner(0), trainer.gan.device)


Part = tuple[Callable[..., Any], tuple[Any, ...]]  # what makes steps, and its arguments


def _at_once(parts: Sequence[Part], seconds: float) -> list[float]:
    """Return the steps per second of processes that are measured at the same time."""
    context = multiprocessing.get_context("spawn")
    ready, found = context.Barrier(len(parts)), context.Queue()
    processes = [
        context.Process(
            target=_one_of_several,
            args=(number, part, seconds, ready, found),
            daemon=True,  # ends with this process
        )
        for number, part in enumerate(parts)
    ]
    for process in processes:
        process.start()
    speeds = dict(found.get(timeout=_PATIENCE) for _ in processes)
    for process in processes:
        process.join()
    return [speeds[number] for number in range(len(parts))]


def _one_of_several(number: int, part: Part, seconds: float, ready: Any, found: Any) -> None:
    import torch

    torch.set_num_threads(1)
    make, given = part
    steps = make(*given)
    steps.act(steps.count)  # compiles
    ready.wait(_PATIENCE)
    found.put((number, _speed(steps, seconds)))


def _stack(words: Sequence[str], runs: int, compiled: bool) -> _Steps:
    """Return what makes steps of all runs."""
    from benchmarks.runner import prepared
    from gan_zoo.training.stack.trainer import StackedTrainer

    each = [prepared([*words, f"seed={seed}"]) for seed in range(runs)]
    trainers = [trainer for _, _, trainer in each]
    stacked = StackedTrainer(trainers, each[0][0].optimizers, compiled)
    return _Steps(stacked.train_steps, stacked.setup_runner(0), trainers[0].gan.device)
