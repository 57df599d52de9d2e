"""Run train.py and exit right after the first step, for the startup benchmark."""

import os
import runpy
from pathlib import Path
from typing import Any

from gan_zoo.launch import main

train = main.train


def train_one_step(*args: Any, **kwargs: Any) -> None:
    """Train, and exit the program after one step."""
    from gan_zoo.training.trainer import Trainer  # after settings are checked

    train_steps = Trainer.train_steps

    def train_and_exit(self: Trainer, count: int) -> None:
        train_steps(self, count)
        os._exit(0)

    Trainer.train_steps = train_and_exit  # type: ignore[method-assign]
    train(*args, **kwargs)


main.train = train_one_step
runpy.run_path(str(Path(__file__).parents[2] / "train.py"), run_name="__main__")
