"""Measure the cost of scalars, sample grids, checkpoints and evaluations at their intervals.

`step_after` is the time of a step after each action, relative to a step before all of them: threads
besides the training loop may slow it down permanently.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.runner import finish, prepared
from benchmarks.sheet import Row
from gan_zoo.command_line import whole_number

WARMUP_STEPS = 20


def arguments(command: argparse.ArgumentParser) -> None:
    """Define the options of this benchmark."""
    command.add_argument("override", nargs="*", help="as for train.py, such as architecture=dcgan")
    command.add_argument(
        "--repeats",
        type=whole_number(1),
        default=10,
        help="measurements of each action (default 10)",
    )


def measure(args: argparse.Namespace) -> list[Row]:
    """Return the milliseconds that the loop waits and that other threads work, also per step."""
    with tempfile.TemporaryDirectory() as folder:
        callbacks = _callbacks(args.override, Path(folder))
        for _ in range(WARMUP_STEPS):
            callbacks.trainer.train_steps()
        step, _ = _timed(callbacks.trainer.train_steps, 5 * args.repeats)
        with callbacks.logger:
            callbacks.on_start()
            return _rows(callbacks, step, args.repeats)


def _callbacks(overrides: list[str], folder: Path) -> Any:
    from gan_zoo.callbacks import RunCallbacks

    experiment, samples, trainer = prepared(overrides)
    return RunCallbacks(experiment, samples, trainer, folder)


def _rows(callbacks: Any, step: float, repeats: int) -> list[Row]:
    trainer, settings = callbacks.trainer, callbacks.settings
    actions = {
        "scalars": (settings.log_every, callbacks.log_metrics),
        "grid": (settings.sample_every, callbacks.log_samples),
        "checkpoint": (settings.checkpoint_every, callbacks.saver.save),
    }
    if callbacks.evaluation:
        actions["evaluation"] = (settings.evaluate_every, callbacks.evaluate)
    rows = []
    for name, (every, act) in actions.items():
        before = partial(_skip_steps, trainer, every)
        waited, others = _timed(act, repeats, before, callbacks.logger.flush)
        after, _ = _timed(trainer.train_steps, 5 * repeats)
        rows.append(
            {
                "action": name,
                "every": every,
                "ms_step": round(step, 3),
                "step_after": round(after / step, 2),
                "ms_loop": round(waited, 3),
                "ms_other_threads": round(others, 3),
                "share_of_loop": round(waited / (every * step), 5),
                "share_of_all": round((waited + others) / (every * step), 5),
            }
        )
    return rows


def _skip_steps(trainer: Any, steps: int) -> None:
    """Run one step but count many, because an action may depend on the steps since the last one."""
    trainer.train_steps()
    trainer.step += steps - 1


def _timed(
    act: Callable[[], object],
    repeats: int,
    before: Callable[[], object] = finish,
    wait: Callable[[], object] = finish,
) -> tuple[float, float]:
    """Return the median milliseconds of an action, and of other threads' work until it is done.

    The first call, which fills caches, is not counted.
    """
    waited, worked = [], []
    for _ in range(repeats + 1):
        before()
        finish()
        start, whole, own = time.perf_counter(), time.process_time(), time.thread_time()
        act()
        waited.append(1000 * (time.perf_counter() - start))
        wait()
        others = (time.process_time() - whole) - (time.thread_time() - own)
        worked.append(1000 * max(others, 0.0))
    return median(waited[1:]), median(worked[1:])
