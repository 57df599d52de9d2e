"""The command line of train.py, from its words to the end of a run or of a sweep."""

import logging
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_zoo import __version__, command_line
from gan_zoo.command_line import EXIT_FAILED
from gan_zoo.launch.errors import one_line_hydra_errors
from gan_zoo.launch.help import help_text, wants_help
from gan_zoo.launch.hydra_config import changed_settings, hydra_main, to_dict
from gan_zoo.launch.job import check_jobs, train_job
from gan_zoo.launch.job_outcome import outcome
from gan_zoo.launch.resume import prepare_overrides, resolve_sweep
from gan_zoo.launch.sweep_end import always_finished
from gan_zoo.launch.sweep_progress import SweepProgress
from gan_zoo.launch.sweep_stop import IdleWatch, StopWatch, SweepStop
from gan_zoo.launch.usage_errors import checked
from gan_zoo.launch.worker_gpu import WorkerGpus
from gan_zoo.monitoring.console import log_bold, shows_bold
from gan_zoo.run_folder import (
    diverged,
    has_run,
    read_failure,
    resume_hint,
    write_failure,
)
from gan_zoo.run_lock import IN_USE, LOCK, FolderInUse
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
        with always_finished():
            hydra_main(TrainJob())()


class TrainJob:
    """The function that Hydra calls for each job; `PreflightCallback` hands it what it needs.

    Attributes:
        experiment: as checked before the first job; None in a process of its own.
        progress: of the sweep; None for a run alone.
        stop, gpus: of a sweep whose jobs run in other processes.
    """

    experiment: "Experiment | None" = None
    progress: SweepProgress | None = None
    stop: SweepStop | None = None
    gpus: WorkerGpus | None = None

    def __call__(self, config: DictConfig) -> None:
        """Train in the folder that Hydra made for this job."""
        settings = HydraConfig.get()
        folder = Path(settings.runtime.output_dir)
        experiment, self.experiment = self.experiment, None
        stop = self._watch()
        if stop is None or not stop():
            alone = settings.mode == RunMode.RUN
            train(config, folder, alone, experiment, self.progress, stop)
        if stop is not None:
            stop.end_orphan()
            IdleWatch(stop).start()

    def _watch(self) -> StopWatch | None:
        """Return what tells that the sweep stops; None in its own process, which has signals."""
        if self.stop is None or self.stop.pid == os.getpid():
            return None
        IdleWatch.cancel()
        if self.gpus:
            self.gpus.claim()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all processes
        return StopWatch(self.stop)


def train(
    config: DictConfig,
    folder: Path,
    alone: bool,
    experiment: "Experiment | None" = None,
    progress: SweepProgress | None = None,
    stop: StopWatch | None = None,
) -> None:
    """Train one model in its folder.

    A single run ends the program if it fails, and leaves no folder for a mistake found before
    training. A job of a sweep writes the reason of a failure into its folder, and the other jobs
    still run. A signal ends the program in either case.

    alone: whether it is a single run; experiment: as checked already, None to check it here;
    progress: of the sweep; stop: tells a launcher's process that the sweep stops.
    """
    if experiment is None or experiment.config != to_dict(config):
        (experiment,) = check_jobs([(config, folder)])
    if alone:
        _train_alone(experiment, config, folder)
    else:
        _SweepJob(experiment, config, folder, progress, stop).train()


def _train_alone(experiment: "Experiment", config: DictConfig, folder: Path) -> None:
    log_bold()
    try:
        changed = changed_settings(config) if shows_bold() else ()
        summary = train_job(experiment, config, folder, changed=changed)
    except ConfigError as error:
        if not has_run(folder):
            _delete_unused(folder)
        command_line.exit_usage_error(str(error))
    except KeyboardInterrupt:
        error = Interrupted(signal.SIGINT)
        command_line.exit_with(error, command_line.exit_code(error), resume_hint(folder))
    except FolderInUse as error:
        command_line.exit_with(error, EXIT_FAILED)
    except (Stopped, OSError) as error:
        hints = filter(None, [*_notes(error), resume_hint(folder)])
        command_line.exit_with(error, command_line.exit_code(error), "; ".join(hints))
    except Exception as error:
        hints = [*_notes(error), _write_traceback(error, folder), resume_hint(folder)]
        command_line.exit_with(error, EXIT_FAILED, "; ".join(filter(None, hints)))
    if message := diverged(summary):
        command_line.exit_with(f"{message}: {folder}", EXIT_FAILED)


class _SweepJob:
    """A job of a sweep, and the line that it leaves on the terminal."""

    def __init__(
        self,
        experiment: "Experiment",
        config: DictConfig,
        folder: Path,
        progress: SweepProgress | None,
        stop: StopWatch | None = None,
    ):
        self.experiment, self.config, self.folder = experiment, config, folder
        self.progress, self.stop, self._start_time = progress, stop, time.monotonic()

    def train(self) -> None:
        """Train, unless it failed before; see `train`."""
        failure = read_failure(self.folder)
        if failure and not self.experiment.settings.retry_failed:
            log.info("failed before: %s; retry_failed=true tries again", failure)
            return
        try:
            write_failure(self.folder, "")
            job = self.progress and self.progress.display(self.folder)
            shown = {"job": job, "stop": self.stop or (lambda: 0)}
            summary = train_job(self.experiment, self.config, self.folder, **shown)
            self._show_end(outcome(summary, self.folder))
        except (Interrupted, KeyboardInterrupt) as error:
            self._exit(error if isinstance(error, Interrupted) else Interrupted(signal.SIGINT))
        except FolderInUse:
            self._show_end(IN_USE)  # not in train.log, which is that of the other process
        except Exception as error:
            self._fail(error)

    def _exit(self, stop: Interrupted) -> None:
        if self.stop is not None:  # the sweep waits for the other jobs, then reports and ends
            log.info("%s", stop)
        else:  # no Exception, after which Hydra would start the next job
            sys.exit(command_line.exit_code(stop))

    def _fail(self, error: Exception) -> None:
        parts = [command_line.error_message(error), *_notes(error)]
        if not isinstance(error, (ConfigError, Stopped, OSError)):
            parts.append(_write_traceback(error, self.folder))
        reason = "; ".join(filter(None, parts))
        log.info("failed: %s", reason)
        write_failure(self.folder, reason)
        self._show_end(f"failed: {reason}")

    def _show_end(self, result: str) -> None:
        if self.progress and self.stop is None:  # else a `SweepDisplay` does
            self.progress.show_end(self.folder, result, time.monotonic() - self._start_time)


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
    for path in (*written, folder / "train.log", folder / LOCK):
        path.unlink(missing_ok=True)
    for empty in (folder / ".hydra", folder):
        with suppress(OSError):
            empty.rmdir()
