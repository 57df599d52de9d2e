"""How long one training step takes, against a bare loop of the same maths and a textbook's."""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.runner import composed, finish
from benchmarks.sheet import Row
from gan_zoo.command_line import whole_number

GLYPHS = ["dataset=glyphs"]
CASES = {
    "mixture": ["dataset=ring", "architecture=mlp_points", "loss=glsgan"],
    "mlp": [*GLYPHS, "architecture=mlp"],
    "wgan": [*GLYPHS, "architecture=mlp", "loss=wgan"],
    "dcgan": [*GLYPHS, "architecture=dcgan"],
    **{name: [*GLYPHS, f"architecture={name}"] for name in ("characters", "cls_dcgan")},
    **{name: ["dataset=cifar10", f"architecture={name}"] for name in ("vgg", "resnet", "sn_cnn")},
    "toy_maxout": ["dataset=ring", "architecture=toy_maxout"],
    "toy_tanh": ["dataset=ring", "architecture=toy_tanh"],
}
USUAL = ["mixture", "mlp", "wgan", "dcgan"]


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be asked of this benchmark."""
    command.add_argument("override", nargs="*", help="for every case, such as dataset.root=PATH")
    command.add_argument("--case", nargs="+", choices=CASES, default=USUAL, help="what to train")
    command.add_argument("--precision", nargs="+", default=["fp32", "bf16"], help="of the runner")
    command.add_argument("--compile", nargs="+", default=["false", "true"], help="of the runner")
    command.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1")
    command.add_argument(
        "--threads", type=whole_number(1), default=1, help="1 (default): processor time"
    )
    command.add_argument(
        "--seconds", type=_duration, default=0.1, help="of each turn (default 0.1)"
    )
    command.add_argument(
        "--rounds", type=whole_number(1), default=60, help="turns of each contestant"
    )


def _duration(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 3600:
        raise argparse.ArgumentTypeError(f"{text} must be a number of seconds above 0, below 3600")
    return seconds


def measure(asked: argparse.Namespace) -> list[Row]:
    """Rows of medians: each way of the runner, beside the bare loop and the textbook's."""
    import torch

    torch.set_num_threads(asked.threads)
    return [row for case in asked.case for row in _case(case, asked)]


def _case(case: str, asked: argparse.Namespace) -> Iterator[Row]:
    """Contestants take short turns, so that what else the machine does falls on all of them."""
    from benchmarks.loops import bare, textbook
    from benchmarks.roofline import floor, peak_memory

    words = [*CASES[case], *asked.override, f"device={asked.device}"]
    contestants = {"bare": (bare(composed(words)), 1), "textbook": (textbook(composed(words)), 1)}
    for precision, compiled in itertools.product(asked.precision, asked.compile):
        trainer = composed([*words, f"precision={precision}", f"compile={compiled}"])
        at_once = trainer.setup_runner(0)
        advance = partial(trainer.train_steps, at_once)
        contestants[f"{precision} compile={compiled}"] = (advance, at_once)
    # a single thread's processor time does not count what the neighbors take
    clock = time.process_time if asked.threads == 1 and asked.device == "cpu" else time.perf_counter
    limit = floor(contestants["bare"][0], asked.device, clock)
    memory = {name: peak_memory(act) for name, (act, _) in contestants.items()}
    counts = {name: _count(act, clock, asked.seconds) for name, (act, _) in contestants.items()}
    turns: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(asked.rounds):
        for name, (act, steps) in contestants.items():
            turns[name].append(_seconds(act, counts[name], clock) / steps)
    for name, taken in turns.items():
        yield {
            "case": case,
            "way": name,
            "us_per_step": round(1e6 * statistics.median(taken), 1),
            "times_bare": _ratio(taken, turns["bare"]),
            "faster_than_bare": _ratio(turns["bare"], taken),
            "faster_than_textbook": _ratio(turns["textbook"], taken),
            "floor_share": round(limit / statistics.median(taken), 3),
            "peak_mb": memory[name],
        }


def _count(act: Callable[[], None], clock: Callable[[], float], seconds: float) -> int:
    """How often a turn of so many seconds has room for an act, once everything is warm."""
    _seconds(act, 5, clock)
    return max(1, round(seconds / _seconds(act, 5, clock)))


def _seconds(act: Callable[[], None], count: int, clock: Callable[[], float]) -> float:
    """Time of one of `count` acts."""
    finish()
    began = clock()
    for _ in range(count):
        act()
    finish()
    return (clock() - began) / count


def _ratio(upper: list[float], lower: list[float]) -> float:
    """Median of the ratios of turns that were side by side."""
    return round(statistics.median(a / b for a, b in zip(upper, lower, strict=True)), 3)
