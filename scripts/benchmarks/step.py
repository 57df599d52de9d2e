"""Measure a training step, compared with a bare loop of the same math and a textbook's loop."""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.runner import composed, finish
from benchmarks.sheet import Row
from gan_zoo.command_line import whole_number

# the recipes of papers: their steps cost what the networks cost
GLYPHS = ["dataset=glyphs", "recipe=paper"]
RING = ["dataset=ring", "recipe=paper"]
CASES = {
    "mixture": [*RING, "architecture=mlp_points", "loss=glsgan"],
    "mlp": [*GLYPHS, "architecture=mlp"],
    "wgan": [*GLYPHS, "architecture=mlp", "loss=wgan"],
    "dcgan": [*GLYPHS, "architecture=dcgan"],
    **{name: [*GLYPHS, f"architecture={name}"] for name in ("characters", "cls_dcgan")},
    **{
        name: ["dataset=cifar10", "recipe=paper", f"architecture={name}"]
        for name in ("vgg", "resnet", "sn_cnn")
    },
    "toy_maxout": [*RING, "architecture=toy_maxout"],
    "toy_tanh": [*RING, "architecture=toy_tanh"],
}
DEFAULT_CASES = ["mixture", "mlp", "wgan", "dcgan"]


def arguments(command: argparse.ArgumentParser) -> None:
    """Define the options of this benchmark."""
    command.add_argument("override", nargs="*", help="for every case, such as dataset.root=PATH")
    command.add_argument(
        "--case", nargs="+", choices=CASES, default=DEFAULT_CASES, help="what to train"
    )
    command.add_argument("--precision", nargs="+", default=["fp32", "bf16"], help="of the runner")
    command.add_argument("--compile", nargs="+", default=["false", "true"], help="of the runner")
    command.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1, mps, xpu")
    command.add_argument(
        "--threads", type=whole_number(1), default=1, help="1 (default): processor time"
    )
    command.add_argument(
        "--neighbors",
        type=_counts,
        help="instead: threads=auto while so many other programs are busy, such as 0,1,2",
    )
    command.add_argument(
        "--seconds", type=_duration, default=0.1, help="of each measurement (default 0.1)"
    )
    command.add_argument(
        "--rounds", type=whole_number(1), default=60, help="measurements of each row (default 60)"
    )


def _counts(text: str) -> list[int]:
    return [whole_number(0)(count) for count in text.split(",")]


def _duration(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 3600:
        raise argparse.ArgumentTypeError(f"{text} must be a number of seconds above 0, below 3600")
    return seconds


def measure(args: argparse.Namespace) -> Iterator[Row]:
    """Yield rows of medians: each mode of the runner, the bare loop and the textbook's."""
    import torch

    if args.neighbors is not None:
        from benchmarks.neighbors import compare_threads

        words = {case: [*CASES[case], *args.override, "device=cpu"] for case in args.case}
        yield from compare_threads(words, args.neighbors, args.seconds, args.rounds)
        return
    torch.set_num_threads(args.threads)
    for case in args.case:
        yield from _case(case, args)


def _case(case: str, args: argparse.Namespace) -> Iterator[Row]:
    """Alternate short measurements, so that other load on the machine affects all rows."""
    from benchmarks.loops import bare, textbook
    from benchmarks.roofline import floor, peak_memory

    words = [*CASES[case], *args.override, f"device={args.device}"]
    rows = {"bare": (bare(composed(words)), 1), "textbook": (textbook(composed(words)), 1)}
    for precision, compiled in itertools.product(args.precision, args.compile):
        trainer = composed([*words, f"precision={precision}", f"compile={compiled}"])
        together = trainer.setup_runner(0)
        advance = partial(trainer.train_steps, together)
        rows[f"{precision} compile={compiled}"] = (advance, together)
    # processor time of a single thread excludes the load of other processes
    clock = time.process_time if args.threads == 1 and args.device == "cpu" else time.perf_counter
    limit = floor(rows["bare"][0], args.device, clock)
    memory = {name: peak_memory(act) for name, (act, _) in rows.items()}
    counts = {name: _count(act, clock, args.seconds) for name, (act, _) in rows.items()}
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(args.rounds):
        for name, (act, steps) in rows.items():
            seconds[name].append(_seconds(act, counts[name], clock) / steps)
    for name, times in seconds.items():
        yield {
            "case": case,
            "way": name,
            "us_per_step": round(1e6 * statistics.median(times), 1),
            "times_bare": _ratio(times, seconds["bare"]),
            "faster_than_bare": _ratio(seconds["bare"], times),
            "faster_than_textbook": _ratio(seconds["textbook"], times),
            "floor_share": round(limit / statistics.median(times), 3),
            "peak_mb": memory[name],
        }


def _count(act: Callable[[], None], clock: Callable[[], float], seconds: float) -> int:
    """Return how many calls fit into a measurement of so many seconds, after warmup."""
    _seconds(act, 5, clock)
    return max(1, round(seconds / _seconds(act, 5, clock)))


def _seconds(act: Callable[[], None], count: int, clock: Callable[[], float]) -> float:
    """Return the mean time of `count` calls."""
    finish()
    start = clock()
    for _ in range(count):
        act()
    finish()
    return (clock() - start) / count


def _ratio(upper: list[float], lower: list[float]) -> float:
    """Return the median of the ratios of adjacent measurements."""
    return round(statistics.median(a / b for a, b in zip(upper, lower, strict=True)), 3)
