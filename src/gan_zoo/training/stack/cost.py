"""When stacks are faster: measured with `scripts/benchmark.py stack`."""

import math

from torch import nn

from gan_zoo.architectures.networks import has_convolutions

# on a CPU, runs whose steps are made together: more do not fit into the cache of a core
LARGEST_BLOCK = {True: 4, False: 16}  # compiled steps, eager ones
_MOST_PER_CORE, _MOST_PER_GPU = 8, 16  # runs of a stack: more gain nothing, and end later
# parameters of both networks times the batch size: beyond, matrix products take most of the time of
# a step on a CPU (35 million gain nothing, 17 million half), and a GPU was not measured
_MOST_PRODUCTS = {"cpu": 25_000_000, "cuda": 70_000_000}
_MOST_EAGER = 10_000_000  # the same of eager stacks on a CPU, which 17 million make slower
_WORTH_COMPILING = 15_000  # steps of a block: saves 3 ms each; compiling takes 30 s
_LEAST_EAGER = {True: 4, False: 8}  # runs in the only process, and in each of several


def is_measured(device: str) -> bool:
    """Return whether it is known what is faster on this type of device."""
    return device in _MOST_PRODUCTS


def is_small(generator: nn.Module, critic: nn.Module, batch_size: int, device: str) -> bool:
    """Return whether starting operations takes most of the time of a step of these networks."""
    if device == "cpu" and has_convolutions(generator, critic):
        return False
    return products(generator, critic, batch_size) <= _MOST_PRODUCTS[device]


def products(generator: nn.Module, critic: nn.Module, batch_size: int) -> int:
    """Return the parameters of both networks times the batch size."""
    parameters = (*generator.parameters(), *critic.parameters())
    return sum(parameter.numel() for parameter in parameters) * batch_size


def most_runs(device: str, cores: int) -> int:
    """Return how many runs to stack at most. cores: of each process that trains."""
    return _MOST_PER_CORE * max(1, cores) if device == "cpu" else _MOST_PER_GPU


def compiles(setting: str | bool, runs: int, steps: int) -> bool:
    """Return whether small networks of so many runs compile their steps on a CPU.

    setting: of `compile`.
    """
    if setting != "auto":
        return bool(setting)
    return steps * math.ceil(runs / LARGEST_BLOCK[True]) >= _WORTH_COMPILING


def is_faster(
    count: int, device: str, setting: str | bool, runs: int, steps: int, workers: int
) -> bool:
    """Return whether small networks train faster as a stack of so many runs than alone.

    count: their `products`; setting: of `compile`; workers: processes that train at once.
    """
    if device != "cpu":  # where starting operations takes longer
        return True
    eager = runs >= _LEAST_EAGER[workers == 1] and count <= _MOST_EAGER
    return eager or compiles(setting, runs, steps)
