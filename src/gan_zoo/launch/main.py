"""The command line of train.py, from Hydra's composition to a job's or a sweep's end."""

import logging
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import compose
from hydra._internal.callbacks import Callbacks
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import run_job
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_zoo import command_line
from gan_zoo.exit_codes import EXIT_FAILED
from gan_zoo.imports import uncollected
from gan_zoo.launch import errors, hydra_versions
from gan_zoo.launch.errors import one_line_hydra_errors
from gan_zoo.launch.resume import save_config, to_dict
from gan_zoo.launch.sweeps import resolve_sweep
from gan_zoo.launch.usage_errors import checked
from gan_zoo.run_folder import (
    diverged,
    finished_summary,
    has_run,
    read_failure,
    resume_hint,
    write_failure,
)
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import Interrupted, Stopped

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment


def main(configs: Path) -> None:
    """Train what the command line says, in one run or in a sweep; configs is composed from."""
    configs = configs.resolve()
    one_line_hydra_errors(
        lambda: _compose_and_train(configs), configs, lambda words: checked(words, configs)
    )


def _compose_and_train(configs: Path) -> None:
    words = resolve_sweep(sys.argv[1:])
    sys.argv[1:] = words  # Hydra reads them there
    single = not any(word.startswith("-") or "hydra.mode" in word for word in words)
    if not (single and _run(configs, words)):
        hydra_versions.hydra_main(configs, _job)


def _run(configs: Path, words: list[str]) -> bool:
    """A single run, composed once: Hydra does so twice, to learn first if it sweeps.

    Returns whether it is one: a configuration may say by itself that it sweeps.
    """
    with hydra_versions.initialize(configs), hydra_versions.trusting():
        with uncollected():
            config = compose("train", words, return_hydra_config=True)
        if config.hydra.mode == RunMode.MULTIRUN:
            return False
        config.hydra.mode = RunMode.RUN
        callbacks = Callbacks(config)
        callbacks.on_run_start(config=config, config_name="train")
        ended = run_job(_job, config, "hydra.run.dir", None, hydra_versions.context(callbacks))
        callbacks.on_run_end(config=config, config_name="train", job_return=ended)
        _ = ended.return_value  # raises what ended the job
        return True


def _job(config: DictConfig) -> None:
    """Train in the folder that Hydra made for this job."""
    settings = HydraConfig.get()
    train(config, Path(settings.runtime.output_dir), alone=settings.mode == RunMode.RUN)


log = logging.getLogger(__name__)


def train(config: DictConfig, folder: Path, alone: bool) -> None:
    """Train one model in its folder.

    A run that is alone ends the program where it cannot go on, and leaves no folder behind for a
    mistake found before training. A job of a sweep leaves word in its folder of why it failed, and
    the others go on. A signal ends the whole program in either case.
    """
    from gan_zoo.experiment import load_experiment

    experiment = load_experiment(to_dict(config))
    if alone:
        _train_alone(experiment, config, folder)
    else:
        _train_in_sweep(experiment, config, folder)


def _train_alone(experiment: "Experiment", config: DictConfig, folder: Path) -> None:
    try:
        summary = _train(experiment, config, folder)
    except ConfigError as error:
        if not has_run(folder):
            _forget(folder)
        command_line.exit_usage_error(str(error))
    except KeyboardInterrupt:
        error = Interrupted(signal.SIGINT)
        command_line.exit_with(error, error.exit_code, resume_hint(folder))
    except (Stopped, OSError) as error:
        told = filter(None, [*_notes(error), resume_hint(folder)])
        command_line.exit_with(error, command_line.exit_code(error), "; ".join(told))
    except Exception as error:
        told = [*_notes(error), _traceback(error, folder), resume_hint(folder)]
        command_line.exit_with(error, EXIT_FAILED, "; ".join(filter(None, told)))
    if verdict := diverged(summary):
        command_line.exit_with(f"{verdict}: {folder}", EXIT_FAILED)


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
    before = read_failure(folder)
    if before and not experiment.settings.retry_failed:
        log.warning("failed before: %s; retry_failed=true tries again: %s", before, folder)
        return
    try:
        write_failure(folder, "")
        _train(experiment, config, folder)
    except (Interrupted, KeyboardInterrupt) as error:
        stop = error if isinstance(error, Interrupted) else Interrupted(signal.SIGINT)
        missing = f"the same command with {errors.sweep(config)} runs the remaining jobs"
        command_line.exit_with(stop, stop.exit_code, missing)
    except Exception as error:
        told = [command_line.error_message(error), *_notes(error)]
        if not isinstance(error, (ConfigError, Stopped, OSError)):
            told.append(_traceback(error, folder))
        reason = "; ".join(filter(None, told))
        log.error("%s: %s", folder, reason)
        write_failure(folder, reason)


def _train(experiment: "Experiment", config: DictConfig, folder: Path) -> dict[str, Any]:
    if finished_summary(folder, experiment.settings.steps) is None:
        save_config(config, folder)
    with uncollected():  # imports torch: only once the settings are known to be good
        from gan_zoo.run import train

    return train(experiment, folder)
