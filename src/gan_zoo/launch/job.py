"""One job: a model trained in its folder, whatever may go wrong told as it should be."""

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from gan_zoo import command_line
from gan_zoo.imports import uncollected
from gan_zoo.launch.composed import keep, plain
from gan_zoo.resume import failure, finished, holds_run, note_failure
from gan_zoo.schema import SettingError
from gan_zoo.training.interruption import Interrupted, Stopped

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment

log = logging.getLogger(__name__)


def train(config: DictConfig, folder: Path, alone: bool) -> None:
    """Train one model in its folder.

    A run that is alone ends the program where it cannot go on, and leaves no folder behind for a
    mistake found before training. A job of a sweep leaves word in its folder of why it failed, and
    the others go on. A signal ends the whole program in either case.
    """
    from gan_zoo.experiment import read

    experiment = read(plain(config))
    if alone:
        _train_alone(experiment, config, folder)
    else:
        _train_in_sweep(experiment, config, folder)


def _train_alone(experiment: "Experiment", config: DictConfig, folder: Path) -> None:
    try:
        _train(experiment, config, folder)
    except SettingError as error:
        if not holds_run(folder):
            shutil.rmtree(folder, ignore_errors=True)
        command_line.refuse(str(error))
    except (Stopped, OSError) as error:
        way_on = f"python train.py resume={folder} goes on" if holds_run(folder) else ""
        command_line.end(error, command_line.exit_code(error), way_on)


def _train_in_sweep(experiment: "Experiment", config: DictConfig, folder: Path) -> None:
    before = failure(folder)
    if before and not experiment.settings.retry:
        log.warning("failed before: %s; retry=true tries again: %s", before, folder)
        return
    try:
        note_failure(folder, "")
        _train(experiment, config, folder)
    except Interrupted as error:
        way_on = f"the same command with sweep={config.sweep} finishes what is missing"
        command_line.end(error, error.exit_code, way_on)
    except Exception as error:
        expected = isinstance(error, (SettingError, Stopped, OSError))
        log.error("%s: %s", folder, command_line.reason(error), exc_info=not expected)
        note_failure(folder, command_line.reason(error))


def _train(experiment: "Experiment", config: DictConfig, folder: Path) -> None:
    if finished(folder, experiment.settings.steps) is None:
        keep(config, folder)
    with uncollected():  # imports torch: only once the settings are known to be good
        from gan_zoo.run import run

    run(experiment, folder)
