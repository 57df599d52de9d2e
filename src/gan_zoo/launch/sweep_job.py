"""A job of a sweep in the process that trains it: its end on the terminal and in its folder."""

import logging
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from gan_zoo import command_line
from gan_zoo.launch.job import train_job
from gan_zoo.launch.job_outcome import outcome
from gan_zoo.launch.sweep_progress import SweepProgress
from gan_zoo.launch.sweep_stop import StopWatch
from gan_zoo.run_folder import finished_summary, read_failure, write_failure
from gan_zoo.run_lock import IN_USE, FolderInUse
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import Interrupted, Stopped

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment

log = logging.getLogger(__name__)


class SweepJob:
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
            self.show_end(outcome(summary, self.folder))
        except Interrupted as stop:
            if stop.failure:
                self.fail(stop.failure)
            elif summary := finished_summary(self.folder, self.experiment.settings.steps):
                self.show_end(outcome(summary, self.folder))
            self.exit(stop)
        except KeyboardInterrupt:
            self.exit(Interrupted(signal.SIGINT))
        except FolderInUse:
            self.show_end(IN_USE)  # not in train.log, which is that of the other process
        except Exception as error:
            self.fail(error)

    def exit(self, stop: Interrupted) -> None:
        """End the program for a signal, or let the sweep's own process do so."""
        if self.stop is not None:  # the sweep waits for the other jobs, then reports and ends
            log.info("%s", stop)
        else:  # no Exception, after which Hydra would start the next job
            sys.exit(command_line.exit_code(stop))

    def fail(self, error: Exception) -> None:
        """Write why the job failed into its folder, and show it."""
        parts = [command_line.error_message(error), *notes(error)]
        if not isinstance(error, (ConfigError, Stopped, OSError)):
            parts.append(write_traceback(error, self.folder))
        reason = "; ".join(filter(None, parts))
        log.info("failed: %s", reason)
        with suppress(OSError):  # a full disk, of which the line below tells
            write_failure(self.folder, reason)
        self.show_end(f"failed: {reason}")

    def show_end(self, result: str) -> None:
        """Show how the job ended."""
        if self.progress and self.stop is None:  # else a `SweepDisplay` does
            self.progress.show_end(self.folder, result, time.monotonic() - self._start_time)


def notes(error: BaseException) -> list[str]:
    """Return what was added to an exception with `add_note`."""
    return list(getattr(error, "__notes__", ()))


def write_traceback(error: BaseException, folder: Path) -> str:
    """Write a traceback into error.txt; return a hint at it, or "" if it cannot be written."""
    path = folder / "error.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return ""
    return f"details in {path}"
