"""The command line of train.py, from its words to the end of a run or of a sweep."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_zoo import __version__, command_line
from gan_zoo.command_line import EXIT_FAILED
from gan_zoo.launch.command_options import checked
from gan_zoo.launch.errors import one_line_hydra_errors
from gan_zoo.launch.help import help_text, wants_help
from gan_zoo.launch.hydra_config import changed_settings, hydra_main, to_dict
from gan_zoo.launch.job import check_jobs, delete_unused, train_job
from gan_zoo.launch.replaced_choices import drop_settings_of_replaced
from gan_zoo.launch.resume import prepare_overrides, resolve_sweep
from gan_zoo.launch.stack_job import StackJob
from gan_zoo.launch.stacks import ComposedStack
from gan_zoo.launch.study_runs import names_study, run_study, study_help
from gan_zoo.launch.sweep_end import always_finished
from gan_zoo.launch.sweep_job import SweepJob, notes, write_traceback
from gan_zoo.launch.sweep_progress import SweepProgress
from gan_zoo.launch.sweep_stop import IdleWatch, StopWatch, SweepStop
from gan_zoo.launch.worker_gpu import WorkerGpus
from gan_zoo.monitoring.console import log_bold, shows_bold
from gan_zoo.run_folder import diverged, finished_summary, resume_hint
from gan_zoo.run_lock import FolderInUse
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import FROM_TERMINAL, Interrupted, Stopped

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment


def main() -> None:
    """Train one run, a sweep or a study, as the command line asks, or print its help."""
    with one_line_hydra_errors():
        words = sys.argv[1:]
        if "--version" in words:
            print(f"gan-zoo {__version__}")
            return
        if wants_help(words):
            print(study_help(words) if names_study(words) else help_text(words))
        elif names_study(words):
            run_study(words, start)
        else:
            start(words)


def start(words: Sequence[str]) -> None:
    """Train what the words of a command line ask for."""
    sys.argv[1:] = resolve_sweep(prepare_overrides(checked(words)))
    with always_finished():
        hydra_main(TrainJob())()


class TrainJob:
    """The function that Hydra calls for each job; `PreflightCallback` hands it what it needs.

    Attributes:
        checked: experiments that were checked before the first job, by folder, until they are
            trained; empty in a process of its own.
        stack: the jobs that this one is trained with; empty if another of them is the first.
            None for a job alone.
        progress: of the sweep; None for a run alone.
        stop, gpus: of a sweep whose jobs run in other processes.
    """

    checked: "dict[Path, Experiment]"
    stack: ComposedStack | None = None
    progress: SweepProgress | None = None
    stop: SweepStop | None = None
    gpus: WorkerGpus | None = None

    def __init__(self) -> None:
        self.checked = {}

    def __call__(self, config: DictConfig) -> None:
        """Train in the folder that Hydra made for this job."""
        drop_settings_of_replaced(config, HydraConfig.get())
        folder = Path(HydraConfig.get().runtime.output_dir)
        stop = self._watch()
        if stop is None or not stop():
            self._train(config, folder, stop)
        if stop is not None:
            stop.end_orphan()
            IdleWatch(stop).start()

    def _train(self, config: DictConfig, folder: Path, stop: StopWatch | None) -> None:
        if self.stack is None:
            experiment = self.checked.pop(folder, None)
            alone = HydraConfig.get().mode == RunMode.RUN
            train(config, folder, alone, experiment, self.progress, stop)
        elif self.stack.jobs:
            jobs = []
            for full, place in self.stack.jobs:
                experiment = self.checked.pop(place, None) or check_jobs([(full, place)])[0]
                jobs.append(SweepJob(experiment, full, place, self.progress, stop))
            StackJob(jobs, self.stack.step).train()

    def _watch(self) -> StopWatch | None:
        """Return what tells that the sweep stops; None in its own process, which has signals."""
        if self.stop is None or self.stop.pid == os.getpid():
            return None
        IdleWatch.cancel()
        if self.gpus:
            self.gpus.claim()
        for number in FROM_TERMINAL:
            signal.signal(number, signal.SIG_IGN)
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
        SweepJob(experiment, config, folder, progress, stop).train()


def _train_alone(experiment: "Experiment", config: DictConfig, folder: Path) -> None:
    log_bold()
    try:
        changed = changed_settings(config) if shows_bold() else ()
        summary = train_job(experiment, config, folder, changed=changed)
    except ConfigError as error:
        delete_unused(folder)
        command_line.exit_usage_error(str(error))
    except KeyboardInterrupt:
        error = Interrupted(signal.SIGINT)
        command_line.exit_with(error, command_line.exit_code(error), resume_hint(folder))
    except Interrupted as error:
        done = error.failure is None and finished_summary(folder, experiment.settings.steps)
        hint = "the run is done" if done else resume_hint(folder)
        command_line.exit_with(error, command_line.exit_code(error), hint)
    except FolderInUse as error:
        command_line.exit_with(error, EXIT_FAILED)
    except (Stopped, OSError) as error:
        hints = filter(None, [*notes(error), resume_hint(folder)])
        command_line.exit_with(error, command_line.exit_code(error), "; ".join(hints))
    except Exception as error:
        hints = [*notes(error), write_traceback(error, folder), resume_hint(folder)]
        command_line.exit_with(error, EXIT_FAILED, "; ".join(filter(None, hints)))
    if message := diverged(summary):
        command_line.exit_with(f"{message}: {folder}", EXIT_FAILED)
