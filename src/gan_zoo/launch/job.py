"""One run from its composed configuration: checked, then trained.

The command line and `gan_zoo.train` share this. No torch until the first settings are valid.
"""

import gc
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from gan_zoo.launch.hydra_config import load_config, save_config, to_dict
from gan_zoo.run_folder import check_unchanged, finished_summary, has_run
from gan_zoo.run_lock import lock_folder

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment


def check_jobs(jobs: Iterable[tuple[DictConfig, Path]]) -> "list[Experiment]":
    """Check runs, given by configuration and folder, before the first of them trains.

    Raises ConfigError for a wrong setting of any run, or one that differs from the run that its
    folder contains; then for parts that do not fit together, for which networks are built.
    """
    experiments = [_check_settings(config, folder) for config, folder in jobs]
    from gan_zoo.compatibility import check_compatibility  # imports torch

    for experiment in experiments:
        check_compatibility(experiment)
    return experiments


def train_job(
    experiment: "Experiment", config: DictConfig, folder: Path, **shown: Any
) -> dict[str, Any]:
    """Train a run that `check_jobs` has checked, and return its summary.

    Saves its configuration, unless the folder contains the finished run. shown: how the run shows
    itself on the terminal, as `gan_zoo.run.train` has it, which also says what is raised. Raises
    FolderInUse while another process trains in the folder, and ConfigError for more devices than
    there are.
    """
    from gan_zoo.compatibility import device_of_ranks  # imports torch
    from gan_zoo.run import is_checkpoint, train

    settings = experiment.settings
    if settings.devices > 1:
        device_of_ranks(settings)
    with lock_folder(folder):
        finished = finished_summary(folder, settings.steps) is not None
        if not finished:
            save_config(config, folder)
        if settings.devices == 1 or (finished and not is_checkpoint(settings.resume)):
            return train(experiment, folder, **shown)
        from gan_zoo.launch.rank_processes import train_on_devices

        return train_on_devices(experiment, folder, **shown)


def _check_settings(config: DictConfig, folder: Path) -> "Experiment":
    settings = to_dict(config)
    experiment = _load(settings)
    if has_run(folder) and (folder / ".hydra" / "config.yaml").is_file():
        check_unchanged(to_dict(load_config(folder)), settings)
    return experiment


def _load(settings: dict[str, Any]) -> "Experiment":
    gc.disable()  # imports torch once the first settings are valid: without gc 1/6 faster
    try:
        from gan_zoo.experiment import load_experiment

        return load_experiment(settings)
    finally:
        gc.enable()
