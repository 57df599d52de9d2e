"""What curves, pictures, checkpoints and evaluations cost a run, each and at its cadence.

`step_after` is what a step takes once they have been made, as a multiple of one before any of them:
what threads do beside the loop may slow it down for good.
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

PREPARED = 20  # steps before the clock starts


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be asked of this benchmark."""
    command.add_argument("override", nargs="*", help="as for train.py, such as architecture=dcgan")
    command.add_argument(
        "--repeats", type=whole_number(1), default=10, help="of each action, for its median"
    )


def measure(asked: argparse.Namespace) -> list[Row]:
    """Milliseconds that the loop waits, those that other threads work, and both per step."""
    with tempfile.TemporaryDirectory() as folder:
        callbacks = _chronicle(asked.override, Path(folder))
        for _ in range(PREPARED):
            callbacks.trainer.train_steps()
        step, _ = _timed(callbacks.trainer.train_steps, 5 * asked.repeats)
        with callbacks.logger:
            callbacks.on_start()
            return _rows(callbacks, step, asked.repeats)


def _chronicle(overrides: list[str], folder: Path) -> Any:
    from gan_zoo.callbacks import RunCallbacks

    experiment, samples, trainer = prepared(overrides)
    return RunCallbacks(experiment, samples, trainer, folder)


def _rows(callbacks: Any, step: float, repeats: int) -> list[Row]:
    trainer, settings = callbacks.trainer, callbacks.settings
    actions = {
        "reading": (settings.log_every, callbacks.log_metrics),
        "grid": (settings.sample_every, callbacks.log_samples),
        "checkpoint": (settings.checkpoint_every, callbacks.saver.save),
    }
    if callbacks.evaluation:
        actions["evaluation"] = (settings.evaluate_every, callbacks.evaluate)
    rows = []
    for name, (every, act) in actions.items():
        before = partial(_as_after, trainer, every)
        waited, beside = _timed(act, repeats, before, callbacks.logger.flush)
        after, _ = _timed(trainer.train_steps, 5 * repeats)
        rows.append(
            {
                "action": name,
                "every": every,
                "ms_step": round(step, 3),
                "step_after": round(after / step, 2),
                "ms_loop": round(waited, 3),
                "ms_other_threads": round(beside, 3),
                "share_of_loop": round(waited / (every * step), 5),
                "share_of_all": round((waited + beside) / (every * step), 5),
            }
        )
    return rows


def _as_after(trainer: Any, steps: int) -> None:
    """One step, counted as many: what an action does may depend on when it was last done."""
    trainer.train_steps()
    trainer.step += steps - 1


def _timed(
    act: Callable[[], object],
    repeats: int,
    before: Callable[[], object] = finish,
    settle: Callable[[], object] = finish,
) -> tuple[float, float]:
    """Median milliseconds of an action, and of what other threads do for it until it has settled.

    A first time, in which caches fill, is not counted.
    """
    waited, beside = [], []
    for _ in range(repeats + 1):
        before()
        finish()
        began, whole, own = time.perf_counter(), time.process_time(), time.thread_time()
        act()
        waited.append(1000 * (time.perf_counter() - began))
        settle()
        others = (time.process_time() - whole) - (time.thread_time() - own)
        beside.append(1000 * max(others, 0.0))
    return median(waited[1:]), median(beside[1:])
