"""What it takes to judge samples: each group of numbers, and all of them from the start."""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.runner import finish, prepared
from benchmarks.sheet import Row
from gan_zoo.command_line import whole_number

USUAL = 10_000  # samples


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be asked of this benchmark."""
    command.add_argument("override", nargs="*", help="as for train.py, such as dataset=mnist")
    command.add_argument(
        "--samples", type=whole_number(1), default=USUAL, help=f"judged (default {USUAL})"
    )
    command.add_argument(
        "--repeats", type=whole_number(1), default=3, help="of each row, for its median"
    )


def measure(asked: argparse.Namespace) -> list[Row]:
    """Seconds for each group of numbers of the dataset's judge, on samples of a new generator.

    A group's own seconds are those after the feature network has looked at the samples; `all`
    begins with that. Reference samples have been looked at before.
    """
    from gan_zoo.evaluation.evaluator import Evaluator
    from gan_zoo.evaluation.sampling import generate_fakes

    words = [*asked.override, f"evaluation.num_samples={asked.samples}", "evaluation.metrics=[all]"]
    experiment, samples, trainer = prepared(words)
    settings = experiment.settings.evaluation
    evaluator = Evaluator(experiment.dataset, samples, settings, samples.device)
    names, groups = evaluator.names, evaluator.metrics.groups

    def drawn() -> Any:
        return generate_fakes(trainer.gan.ema.network, samples, asked.samples, settings.seed)

    fakes = drawn()
    evaluator.measure(fakes, names)
    rows = [_row(name, lambda n=name: groups[n](fakes), asked) for name in names]
    return [*rows, _row("all", lambda: evaluator.measure(drawn(), names), asked)]


def _row(name: str, act: Callable[[], object], asked: argparse.Namespace) -> Row:
    seconds = []
    for _ in range(asked.repeats):
        finish()
        began = time.perf_counter()
        act()
        finish()
        seconds.append(time.perf_counter() - began)
    return {"group": name, "samples": asked.samples, "seconds": round(median(seconds), 4)}
