"""How many processes a sweep by joblib uses, and which GPUs they share."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from gan_zoo.cpu_cores import available_cores
from gan_zoo.schema import ConfigError

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment


def shared_gpus(experiments: "Iterable[Experiment]", devices: int = 1) -> list[str]:
    """Return the names of the GPUs that jobs may use; none if a job's `device` names one.

    devices: of each job; each name is that of so many GPUs, separated by commas.
    """
    if not {experiment.settings.device for experiment in experiments} <= {"auto", "cuda"}:
        return []
    from gan_zoo.devices import visible_gpus  # imports torch

    names = visible_gpus()
    starts = range(0, len(names) - devices + 1, devices)
    return [",".join(names[start : start + devices]) for start in starts]


def set_worker_count(config: DictConfig, jobs: int, gpus: Sequence[str], devices: int = 1) -> None:
    """Set joblib's `hydra.launcher.n_jobs` where it is -1, and limit it to the number of jobs.

    By default, there is a process for each GPU, or without GPUs for each core, or for as many cores
    as OMP_NUM_THREADS says, times the devices of a job. With fewer, joblib gives each its share of
    the cores. Raises ConfigError for 0, and for no number.
    """
    launcher = config.hydra.launcher
    count = launcher.n_jobs
    if not isinstance(count, int) or count == 0:
        raise ConfigError("hydra.launcher.n_jobs", count, "must be a number of processes, or -1")
    if count == -1:
        count = len(gpus) or max(1, available_cores() // (_threads() * devices))
    elif count < 0:  # as joblib has it: -2 leaves one core free
        count = max(1, available_cores() + 1 + count)
    launcher.n_jobs = min(count, jobs)
    # Hydra 1.4 compares the launcher with that of jobs, which are composed from these words;
    # `sweep=resume` leaves out this word, and keeps one that was typed without ++
    config.hydra.overrides.hydra.append(f"++hydra.launcher.n_jobs={launcher.n_jobs}")


def _threads() -> int:
    """Return how many threads the user gives each process; 1 by default."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else 1
