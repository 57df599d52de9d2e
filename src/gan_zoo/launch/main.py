"""The command line of train.py, from its words to the end of a run or of a sweep."""

import logging
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_zoo import __version__, command_line
from gan_zoo.command_line import EXIT_FAILED
from gan_zoo.launch.errors import one_line_hydra_errors
from gan_zoo.launch.help import help_text, wants_help
from gan_zoo.launch.hydra_config import hydra_main, save_config
from gan_zoo.launch.preflight import load_checked, sweep_word
from gan_zoo.launch.resume import prepare_overrides, resolve_sweep
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

log = logging.getLogger(__name__)


def main() -> None:
    """Train one run or a sweep, as the command line asks, or print its help."""
    with one_line_hydra_errors():
        words = sys.argv[1:]
        if words == ["--version"]:
            print(f"gan-zoo {__version__}")
            return
        if wants_help(words):
            print(help_text(words))
            return
        sys.argv[1:] = resolve_sweep(prepare_overrides(checked(words)))
        train_job()


@hydra_main
def train_job(config: DictConfig) -> None:
    """Train in the folder that Hydra made for this job; Hydra reads the command line."""
    settings = HydraConfig.get()
    train(config, Path(settings.runtime.output_dir), alone=settings.mode == RunMode.RUN)


def train(config: DictConfig, folder: Path, alone: bool) -> None:
    """Train one model in its folder.

    A single run ends the program if it fails, and leaves no folder for a mistake found before
    training. A job of a sweep writes the reason of a failure into its folder, and the other jobs
    still run. A signal ends the program in either case.
    """
    experiment = load_checked(config, folder)
    if alone:
        _train_alone(experiment, config, folder)
    else:
        _train_in_sweep(experiment, config, folder)


def _train_alone(experiment: "Experiment", config: DictConfig, folder: Path) -> None:
    try:
        summary = _train(experiment, config, folder)
    except ConfigError as error:
        if not has_run(folder):
            _delete_unused(folder)
        command_line.exit_usage_error(str(error))
    except KeyboardInterrupt:
        error = Interrupted(signal.SIGINT)
        command_line.exit_with(error, command_line.exit_code(error), resume_hint(folder))
    except (Stopped, OSError) as error:
        hints = filter(None, [*_notes(error), resume_hint(folder)])
        command_line.exit_with(error, command_line.exit_code(error), "; ".join(hints))
    except Exception as error:
        hints = [*_notes(error), _write_traceback(error, folder), resume_hint(folder)]
        command_line.exit_with(error, EXIT_FAILED, "; ".join(filter(None, hints)))
    if message := diverged(summary):
        command_line.exit_with(f"{message}: {folder}", EXIT_FAILED)


def _train_in_sweep(experiment: "Experiment", config: DictConfig, folder: Path) -> None:
    failure = read_failure(folder)
    if failure and not experiment.settings.retry_failed:
        log.warning("failed before: %s; retry_failed=true tries again: %s", failure, folder)
        return
    try:
        write_failure(folder, "")
        _train(experiment, config, folder)
    except (Interrupted, KeyboardInterrupt) as error:
        stop = error if isinstance(error, Interrupted) else Interrupted(signal.SIGINT)
        hint = f"the same command with {sweep_word(config)} runs the remaining jobs"
        command_line.exit_with(stop, command_line.exit_code(stop), hint)
    except Exception as error:
        parts = [command_line.error_message(error), *_notes(error)]
        if not isinstance(error, (ConfigError, Stopped, OSError)):
            parts.append(_write_traceback(error, folder))
        reason = "; ".join(filter(None, parts))
        log.error("%s: %s", folder, reason)
        write_failure(folder, reason)


def _train(experiment: "Experiment", config: DictConfig, folder: Path) -> dict[str, Any]:
    if finished_summary(folder, experiment.settings.steps) is None:
        save_config(config, folder)
    from gan_zoo.run import train  # imports torch: only once the settings are known to be valid

    return train(experiment, folder)


def _notes(error: BaseException) -> list[str]:
    """Return what was added to an exception with `add_note`."""
    return list(getattr(error, "__notes__", ()))


def _write_traceback(error: Exception, folder: Path) -> str:
    """Write a traceback into error.txt; return a hint at it, or "" if it cannot be written."""
    path = folder / "error.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return ""
    return f"details in {path}"


def _delete_unused(folder: Path) -> None:
    """Delete what was written before a run began, and the folder if nothing else is in it."""
    written = [folder / ".hydra" / f"{name}.yaml" for name in ("config", "hydra", "overrides")]
    for path in (*written, folder / "train.log"):
        path.unlink(missing_ok=True)
    for empty in (folder / ".hydra", folder):
        with suppress(OSError):
            empty.rmdir()
