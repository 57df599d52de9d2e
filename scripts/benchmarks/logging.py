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
        chronicle = _chronicle(asked.override, Path(folder))
        for _ in range(PREPARED):
            chronicle.training.advance()
        step, _ = _timed(chronicle.training.advance, 5 * asked.repeats)
        with chronicle.monitor:
            chronicle.begin()
            return _rows(chronicle, step, asked.repeats)


def _chronicle(overrides: list[str], folder: Path) -> Any:
    from gan_zoo.chronicle import Chronicle

    experiment, samples, training = prepared(overrides)
    return Chronicle(experiment, samples, training, folder)


def _rows(chronicle: Any, step: float, repeats: int) -> list[Row]:
    training, settings = chronicle.training, chronicle.settings
    actions = {
        "reading": (settings.log_every, chronicle.read),
        "grid": (settings.sample_every, chronicle.draw),
        "checkpoint": (settings.checkpoint_every, chronicle.keeper.save),
    }
    if chronicle.examination:
        actions["evaluation"] = (settings.evaluate_every, chronicle.examine)
    rows = []
    for name, (every, act) in actions.items():
        before = partial(_as_after, training, every)
        waited, beside = _timed(act, repeats, before, chronicle.monitor.settle)
        after, _ = _timed(training.advance, 5 * repeats)
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


def _as_after(training: Any, steps: int) -> None:
    """One step, counted as many: what an action does may depend on when it was last done."""
    training.advance()
    training.step += steps - 1


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
