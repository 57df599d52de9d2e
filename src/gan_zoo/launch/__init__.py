"""Between Hydra and the runner: check everything first, tell every mistake on one line.

The only package of the house that imports Hydra. It does not import torch.
"""

from gan_zoo.launch.composed import plain
from gan_zoo.launch.entry import main
from gan_zoo.launch.first import CheckFirst
from gan_zoo.launch.job import train
from gan_zoo.launch.mistakes import check_overrides
from gan_zoo.launch.telling import in_one_line
from gan_zoo.launch.versions import initialize

__all__ = [
    "CheckFirst",
    "check_overrides",
    "in_one_line",
    "initialize",
    "main",
    "plain",
    "train",
]
