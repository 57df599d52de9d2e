"""One job: a model trained in its folder, whatever may go wrong told as it should be."""

import logging
import signal
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from gan_zoo import command_line
from gan_zoo.exit_codes import EXIT_FAILED
from gan_zoo.imports import uncollected
from gan_zoo.launch import telling
from gan_zoo.launch.composed import keep, plain
from gan_zoo.resume import diverged, failure, finished, holds_run, note_failure, way_on
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
        summary = _train(experiment, config, folder)
    except SettingError as error:
        if not holds_run(folder):
            _forget(folder)
        command_line.refuse(str(error))
    except KeyboardInterrupt:
        error = Interrupted(signal.SIGINT)
        command_line.end(error, error.exit_code, way_on(folder))
    except (Stopped, OSError) as error:
        told = filter(None, [*_notes(error), way_on(folder)])
        command_line.end(error, command_line.exit_code(error), "; ".join(told))
    except Exception as error:
        told = [*_notes(error), _traceback(error, folder), way_on(folder)]
        command_line.end(error, EXIT_FAILED, "; ".join(filter(None, told)))
    if verdict := diverged(summary):
        command_line.end(f"{verdict}: {folder}", EXIT_FAILED)


def _notes(error: BaseException) -> list[str]:
    """What the program added to an exception on its way."""
    return list(getattr(error, "__notes__", ()))


def _traceback(error: Exception, folder: Path) -> str:
    """Write where an exception came from into error.txt; says so, or nothing if it cannot be."""
    path = folder / "error.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return ""
    return f"details in {path}"


def _forget(folder: Path) -> None:
    """Delete what was written before a run began, and the folder if it holds nothing else."""
    written = [folder / ".hydra" / f"{name}.yaml" for name in ("config", "hydra", "overrides")]
    for path in (*written, folder / "train.log"):
        path.unlink(missing_ok=True)
    for empty in (folder / ".hydra", folder):
        with suppress(OSError):
            empty.rmdir()


def _train_in_sweep(experiment: "Experiment", config: DictConfig, folder: Path) -> None:
    before = failure(folder)
    if before and not experiment.settings.retry:
        log.warning("failed before: %s; retry=true tries again: %s", before, folder)
        return
    try:
        note_failure(folder, "")
        _train(experiment, config, folder)
    except (Interrupted, KeyboardInterrupt) as error:
        stop = error if isinstance(error, Interrupted) else Interrupted(signal.SIGINT)
        missing = f"the same command with {telling.sweep(config)} finishes what is missing"
        command_line.end(stop, stop.exit_code, missing)
    except Exception as error:
        told = [command_line.reason(error), *_notes(error)]
        if not isinstance(error, (SettingError, Stopped, OSError)):
            told.append(_traceback(error, folder))
        reason = "; ".join(filter(None, told))
        log.error("%s: %s", folder, reason)
        note_failure(folder, reason)


def _train(experiment: "Experiment", config: DictConfig, folder: Path) -> dict[str, Any]:
    if finished(folder, experiment.settings.steps) is None:
        keep(config, folder)
    with uncollected():  # imports torch: only once the settings are known to be good
        from gan_zoo.run import run

    return run(experiment, folder)
