"""train.py that ends, at once, with the first step made: for the benchmark of starting."""

import os
import runpy
from pathlib import Path
from typing import Any

from gan_zoo.launch import main

train = main.train


def train_one_step(*given: Any, **named: Any) -> None:
    """Train, and end the program after one step."""
    from gan_zoo.training.trainer import Trainer  # not before the settings are checked, as ever

    advance = Trainer.train_steps

    def first(self: Trainer, count: int) -> None:
        advance(self, count)
        os._exit(0)

    Trainer.train_steps = first  # type: ignore[method-assign]
    train(*given, **named)


main.train = train_one_step
runpy.run_path(str(Path(__file__).parents[2] / "train.py"), run_name="__main__")
