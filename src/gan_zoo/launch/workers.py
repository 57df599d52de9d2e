"""How many processes a sweep by joblib uses, and which GPUs they share."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from gan_zoo.schema import ConfigError

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment


def shared_gpus(experiments: "Iterable[Experiment]") -> list[str]:
    """Return the names of the GPUs that jobs may use; none if a job's `device` names one."""
    from gan_zoo.tuning.trial import visible_gpus  # imports numpy

    devices = {experiment.settings.device for experiment in experiments}
    return visible_gpus() if devices <= {"auto", "cuda"} else []


def set_worker_count(config: DictConfig, jobs: int, gpus: Sequence[str]) -> None:
    """Set joblib's `hydra.launcher.n_jobs` where it is -1, and limit it to the number of jobs.

    By default, there is a process for each GPU, or without GPUs for each core, or for as many cores
    as OMP_NUM_THREADS says. With fewer, joblib gives each its share of the cores. Raises
    ConfigError for 0.
    """
    launcher = config.hydra.launcher
    if launcher.n_jobs == 0:
        raise ConfigError("hydra.launcher.n_jobs", 0, "must be a number of processes, or -1")
    count = launcher.n_jobs
    if count == -1:
        count = len(gpus) or max(1, _cores() // _threads())
    elif count < 0:  # as joblib has it: -2 leaves one core free
        count = max(1, _cores() + 1 + count)
    launcher.n_jobs = min(count, jobs)
    if launcher.batch_size == "auto":  # which hands out several short jobs at once
        launcher.batch_size = "1"
    # Hydra 1.4 compares a job's launcher; `sweep=resume` leaves out words that begin with ++
    words = [f"++hydra.launcher.{key}={launcher[key]}" for key in ("n_jobs", "batch_size")]
    config.hydra.overrides.hydra.extend(words)


def _cores() -> int:
    """Return how many cores this process may use, by its affinity and the limit of its cgroup."""
    from joblib import cpu_count

    return cpu_count()


def _threads() -> int:
    """Return how many threads the user gives each process; 1 by default."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else 1
