"""Measure the time of evaluations: each group of metrics, and a whole evaluation."""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.runner import finish, prepared
from benchmarks.sheet import Row
from gan_zoo.command_line import whole_number

DEFAULT_SAMPLES = 10_000


def arguments(command: argparse.ArgumentParser) -> None:
    """Define the options of this benchmark."""
    command.add_argument("override", nargs="*", help="as for train.py, such as dataset=mnist")
    command.add_argument(
        "--samples",
        type=whole_number(1),
        default=DEFAULT_SAMPLES,
        help=f"samples to evaluate (default {DEFAULT_SAMPLES})",
    )
    command.add_argument(
        "--repeats", type=whole_number(1), default=3, help="measurements of each row (default 3)"
    )


def measure(args: argparse.Namespace) -> list[Row]:
    """Return the seconds of each group of the dataset's metrics, on samples of a new generator.

    The time of a group excludes the features of the samples; `all` includes them. The features of
    the reference samples are computed before.
    """
    from gan_zoo.evaluation.evaluator import Evaluator
    from gan_zoo.evaluation.sampling import generate_fakes

    overrides = [
        *args.override,
        f"evaluation.num_samples={args.samples}",
        "evaluation.metrics=[all]",
    ]
    experiment, samples, trainer = prepared(overrides)
    settings = experiment.settings.evaluation
    evaluator = Evaluator(experiment.dataset, samples, settings, samples.device)
    names, groups = evaluator.names, evaluator.metrics.groups

    def sample() -> Any:
        return generate_fakes(trainer.gan.ema.network, samples, args.samples, settings.seed)

    fakes = sample()
    evaluator.measure(fakes, names)
    rows = [_row(name, lambda n=name: groups[n](fakes), args) for name in names]
    return [*rows, _row("all", lambda: evaluator.measure(sample(), names), args)]


def _row(name: str, act: Callable[[], object], args: argparse.Namespace) -> Row:
    seconds = []
    for _ in range(args.repeats):
        finish()
        start = time.perf_counter()
        act()
        finish()
        seconds.append(time.perf_counter() - start)
    return {"group": name, "samples": args.samples, "seconds": round(median(seconds), 4)}
