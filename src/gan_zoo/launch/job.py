"""One run from its composed configuration: checked, then trained.

The command line and `gan_zoo.train` share this. No torch until the first settings are valid.
"""

import dataclasses
import gc
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from gan_zoo.launch.errors import config_errors
from gan_zoo.launch.hydra_config import (
    initialize,
    load_config,
    restored_if_refused,
    save_config,
    to_dict,
    writable,
)
from gan_zoo.launch.replaced_choices import drop_settings_of_replaced
from gan_zoo.launch.resume import apply_resume
from gan_zoo.resumed_run import changed_keys, check_length, check_root, check_unchanged
from gan_zoo.run_folder import finished_summary, has_run, has_settings, write_failure
from gan_zoo.run_lock import LOCK, in_use, lock_folder
from gan_zoo.setting_keys import DATA_ROOT

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment


def compose_run(overrides: Sequence[str]) -> tuple[DictConfig, Path]:
    """Compose the configuration of one run outside `hydra.main`, and return it with its folder.

    Raises ConfigError for an unknown key or choice, and for a run that cannot be resumed.
    """
    with config_errors(overrides), initialize():
        config = hydra.compose("train", list(overrides), return_hydra_config=True)
        with writable(config):
            drop_settings_of_replaced(config, config.hydra)
            apply_resume(config)
    HydraConfig.instance().set_config(config)  # from which `save_config` takes it
    return config, Path(config.hydra.run.dir)


def check_jobs(jobs: Iterable[tuple[DictConfig, Path]]) -> "list[Experiment]":
    """Check runs, given by configuration and folder, before the first of them trains.

    Raises ConfigError for a wrong setting of any run, one that differs from the run that its folder
    contains, or fewer steps than that has made; then for parts that do not fit together, for which
    networks are built.
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

    Saves its configuration and deletes failure.txt of an earlier attempt, unless the folder
    contains the finished run. shown: how the run shows itself on the terminal, as
    `gan_zoo.run.train` has it, which also says what is raised. Raises FolderInUse while another
    process trains in the folder, and ConfigError for more devices than there are. Where it raises
    ConfigError, a run that the folder contains keeps the configuration that it had.
    """
    from gan_zoo.compatibility import device_of_ranks  # imports torch
    from gan_zoo.run import is_checkpoint, train

    settings = experiment.settings
    if settings.devices > 1:
        device_of_ranks(settings)
    with lock_folder(folder):
        summary = finished_summary(folder, settings.steps)
        finished = summary is not None and not is_checkpoint(settings.resume)
        if finished:
            return train(experiment, folder, **shown)
        with restored_if_refused(folder):
            write_failure(folder, "")
            save_config(config, folder)
            if settings.devices == 1:
                return train(experiment, folder, **shown)
            from gan_zoo.launch.rank_processes import train_on_devices

            return train_on_devices(experiment, folder, **shown)


def delete_unused(folder: Path) -> None:
    """Delete what `train_job` wrote before a run began, and the folder if nothing else is in it."""
    if has_run(folder):
        return
    written = [folder / ".hydra" / f"{name}.yaml" for name in ("config", "hydra", "overrides")]
    for path in (*written, folder / "train.log", folder / LOCK):
        path.unlink(missing_ok=True)
    for empty in (folder / ".hydra", folder):
        with suppress(OSError):
            empty.rmdir()


def _check_settings(config: DictConfig, folder: Path) -> "Experiment":
    settings = to_dict(config)
    if not has_run(folder) or not has_settings(folder):
        return _load(settings)
    check_root(settings.get("dataset", {}))
    experiment, before = _load(settings), to_dict(load_config(folder))
    check_unchanged(before, settings)
    if not in_use(folder):  # by another process, which is still training
        check_length(folder, experiment.settings.steps, experiment.settings.resume)
        if DATA_ROOT in changed_keys(before, settings):
            _check_moved_data(experiment, folder)
    return experiment


def _check_moved_data(experiment: "Experiment", folder: Path) -> None:
    """Raise ConfigError if data at another root is not what the run of a folder was trained on.

    Training checks this again, but only after the new root is saved in the folder.
    """
    from gan_zoo.run import check_data, find_checkpoint, is_checkpoint  # imports torch

    steps, resume = experiment.settings.steps, experiment.settings.resume
    summary = None if is_checkpoint(resume) else finished_summary(folder, steps)
    if before := summary or find_checkpoint(resume, folder):
        # a copy, which keeps no data in memory until its job of a sweep starts
        copy = dataclasses.replace(experiment.dataset)
        check_data(dataclasses.replace(experiment, dataset=copy), before)


def _load(settings: dict[str, Any]) -> "Experiment":
    gc.disable()  # imports torch once the first settings are valid: without gc 1/6 faster
    try:
        from gan_zoo.experiment import load_experiment

        return load_experiment(settings)
    finally:
        gc.enable()
