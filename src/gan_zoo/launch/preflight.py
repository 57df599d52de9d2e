"""Check a run, or all jobs of a sweep, before Hydra starts; report a sweep at its end."""

import inspect
import itertools
import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from gan_zoo import latest_sweep
from gan_zoo.command_line import program
from gan_zoo.cpu_cores import available_cores
from gan_zoo.launch.check_display import shown_checks
from gan_zoo.launch.errors import exit_on_error
from gan_zoo.launch.hydra_config import overrides_of, writable
from gan_zoo.launch.job import check_jobs
from gan_zoo.launch.job_folders import ONLY_JOB, check_job_folders, check_run_folder
from gan_zoo.launch.launchers import (
    check_launcher,
    is_cluster,
    prepare_launcher,
    refuse_launcher,
)
from gan_zoo.launch.replaced_choices import drop_settings_of_replaced
from gan_zoo.launch.resume import apply_resume
from gan_zoo.launch.stacks import StackedJob, Stacks, check_stack, compose_job, plan_stacks
from gan_zoo.launch.sweep_end import SweepEnd, finish_sweep
from gan_zoo.launch.sweep_progress import PlannedJob, SweepProgress
from gan_zoo.launch.sweep_stop import SweepStop
from gan_zoo.launch.trained_before import trained_otherwise
from gan_zoo.launch.worker_gpu import WorkerGpus
from gan_zoo.launch.workers import set_worker_count, shared_gpus
from gan_zoo.monitoring.console import show
from gan_zoo.printable import printable
from gan_zoo.schema import ConfigError
from gan_zoo.setting_keys import FOLDER_KEYS, key_of

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment


class PreflightCallback(Callback):
    """Check every job before Hydra makes a folder; after a sweep, report it and list failures.

    Attributes:
        jobs: of a sweep, by folder.
    """

    def __init__(self) -> None:
        self.jobs: dict[Path, PlannedJob] = {}
        self._progress: SweepProgress | None = None
        self._stop: SweepStop | None = None  # of jobs in other processes
        self._gpus: WorkerGpus | None = None  # of the same
        self._checked: dict[Path, Experiment] = {}  # by absolute folder, until it is trained
        self._stacks = Stacks()

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        with exit_on_error(), writable(config):
            check_launcher(config)
            refuse_launcher(config)
            drop_settings_of_replaced(config, config.hydra)
            apply_resume(config)
            folder = Path(config.hydra.run.dir)
            check_run_folder(folder, resumed=config.resume is not None)
            (self._checked[_absolute(folder)],) = check_jobs([(config, folder)])

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        with exit_on_error(), writable(config):
            check_launcher(config)
            check_stack(config)
            sweep = Path(config.hydra.sweep.dir)
            # the loader finds what loss=glob(*gan) names
            parser = OverridesParser.create(GlobalHydra.instance().config_loader())
            overrides = parser.parse_overrides(overrides_of(config, "task"))
            hydra_words = overrides_of(config, "hydra")
            _refuse_deletions(overrides)
            names = _job_naming(overrides, hydra_words)
            config.hydra.overrides.hydra.extend([*names, *_job_logging(config)])
            planned: list[tuple[Path, PlannedJob]] = []
            words = sweep_jobs(overrides)
            _refuse_repeated(overrides)
            with shown_checks(_plan(config, words, planned), len(words)) as shown:
                experiments = check_jobs(shown)
            check_job_folders(sweep, [folder for folder, _ in planned])
            self.jobs = dict(planned)
            launcher = config.hydra.runtime.choices["hydra/launcher"]
            if launcher == "joblib":
                devices = max(experiment.settings.devices for experiment in experiments)
                gpus = shared_gpus(experiments, devices)
                set_worker_count(config, len(self.jobs), gpus, devices)
                self._gpus = WorkerGpus(sweep.absolute(), gpus)
            sequential = launcher == "basic" or config.hydra.launcher.get("n_jobs") == 1
            if sequential:
                folders = (job.folder for job in self.jobs.values())
                self._checked = dict(zip(folders, experiments, strict=True))
            else:
                sweep.mkdir(parents=True, exist_ok=True)
                prepare_launcher(config, len(self.jobs))
                self._stop = SweepStop(sweep.absolute(), outlived=is_cluster(config))
            jobs = self.jobs.values()
            self._progress = SweepProgress(sweep, jobs, config.retry_failed, sequential)
            measured = any(map(_has_metric, experiments)) or self._progress.has_evaluations()
            if self._progress.remaining and not measured:
                print(_NO_METRIC.format(evaluate=program("scripts/evaluate.py")), file=sys.stderr)
            self._progress.show_start(_shared(overrides))
            for line in trained_otherwise(sweep, self._progress.jobs, experiments):
                show(line)
            workers = config.hydra.launcher.get("n_jobs", 1)
            self._plan_stacks(words, experiments, workers)
            _spare_another_check()
            latest_sweep.note(sweep)  # once nothing above has refused the sweep
            SweepEnd(sweep, sweep_word(config), self._progress, self._stop).begin()

    def _plan_stacks(
        self, words: list[list[str]], experiments: "list[Experiment]", workers: int
    ) -> None:
        assert self._progress
        remaining = {job.folder for job in self._progress.remaining}
        jobs = [
            (StackedJob(number, tuple(own), job.folder), experiment)
            for number, (own, job, experiment) in enumerate(
                zip(words, self.jobs.values(), experiments, strict=True)
            )
            if job.folder in remaining
        ]
        self._stacks, lines = plan_stacks(jobs, workers, available_cores())
        for line in lines:
            show(line)

    def on_job_start(self, config: DictConfig, *, task_function: Any, **_: Any) -> None:
        # what Hydra calls for each job, a `TrainJob`
        folder = Path(config.hydra.runtime.output_dir)
        task_function.checked = self._checked
        task_function.stack = self._stacks.of_job(config, folder)
        task_function.progress = self._progress
        task_function.stop = self._stop
        task_function.gpus = self._gpus

    def on_job_end(self, config: DictConfig, *, job_return: JobReturn, **_: Any) -> None:
        # Hydra keeps all results until the sweep ends: 0.3 MB for each job
        job_return.cfg = job_return.hydra_cfg = None

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        if sys.exception() is not None:  # Hydra 1.4 calls this for a refused sweep, too
            return
        finish_sweep()


def _spare_another_check() -> None:
    """Spare Hydra composing every job only to see whether it can: `check_jobs` has."""
    # not at the top: Hydra loads its plugins again when it starts
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    BasicSweeper.validate_batch_is_legal = lambda self, batch: None


def _plan(
    config: DictConfig, jobs: Iterable[list[str]], planned: list[tuple[Path, PlannedJob]]
) -> Iterator[tuple[DictConfig, Path]]:
    """Yield the configuration and the folder of each job of a sweep, and add it to `planned`."""
    sweep = Path(config.hydra.sweep.dir)
    for number, job in enumerate(jobs):
        full, folder = compose_job(config, job, number)
        if full.resume not in (None, "auto"):
            allowed = "resumes one run: omit -m and all lists of values; sweep=NAME resumes a sweep"
            raise ConfigError("resume", full.resume, allowed)
        yield full, folder  # checked before its numbers are used
        name = printable(str(folder.relative_to(sweep)))
        updates = 1 + full.n_critic
        planned.append((folder, PlannedJob(_absolute(folder), name, full.steps, updates)))


def _absolute(folder: Path) -> Path:
    """Return a folder as Hydra's `output_dir` names it, without `..`."""
    return Path(os.path.abspath(folder))  # noqa: PTH100


def sweep_word(config: DictConfig) -> str:
    """Return the word that names a sweep, quoted for a POSIX shell."""
    return shlex.quote(f"sweep={config.sweep}")


def sweep_jobs(overrides: Iterable[Override]) -> list[list[str]]:
    """Return the overrides of each job, in Hydra's order.

    Raises ConfigError for an interval, and for a choice among no values.
    """
    words: dict[str, list[str]] = {}
    for each in overrides:
        key, typed = each.get_key_element(), (each.input_line or "").partition("=")[2]
        if each.is_interval_sweep():
            allowed = "must be a list of values such as A,B, or range(A,B)"
            raise ConfigError(key, typed, allowed)
        one = [] if each.is_sweep_override() else [each.get_value_element_as_str()]
        words[key] = [f"{key}={value}" for value in one or each.sweep_string_iterator()]
        if not words[key]:
            raise ConfigError(key, typed, "matches nothing to sweep over")
    return [list(job) for job in itertools.product(*words.values())]


def _refuse_deletions(overrides: Iterable[Override]) -> None:
    """Raise ConfigError for ~KEY, for which Hydra's sweeps type ~KEY=null."""
    for each in overrides:
        if each.is_delete():
            allowed = "a sweep cannot delete settings; choose another value, or train single runs"
            raise ConfigError(each.input_line, inspect.Parameter.empty, allowed)


def _refuse_repeated(overrides: Iterable[Override]) -> None:
    """Raise ConfigError for a value that a sweep's words list more than once, such as 1 and 1.0."""
    for key, each in _last_of_each(overrides).items():
        texts = [*each.sweep_string_iterator()] if each.is_sweep_override() else []
        counts = Counter(map(_as_number, texts))
        for text in texts:
            if (count := counts[_as_number(text)]) > 1:
                allowed = f"is listed {count} times, which would train the same run again"
                raise ConfigError(key.lstrip("+"), text, allowed)


def _as_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _job_naming(overrides: Sequence[Override], given: Iterable[str]) -> list[str]:
    """Return words that name jobs by what is swept, not by what all jobs share.

    given: overrides of Hydra's own settings.
    """
    given_last = _last_of_each(overrides)
    fixed = [key for key, each in given_last.items() if not each.is_sweep_override()]
    # Hydra compares groups without their package: regularizer@regularizer.parts.a is regularizer
    swept = {each.key_or_group for each in given_last.values() if each.is_sweep_override()}
    left_out = [key for key in fixed if key not in swept]
    names = [f"hydra.job.config.override_dirname.exclude_keys=[{','.join(left_out)}]"]
    if len(fixed) == len(given_last) and "hydra.sweep.subdir" not in map(key_of, given):
        names.append(f"hydra.sweep.subdir={ONLY_JOB}")
    return names


def _job_logging(config: DictConfig) -> list[str]:
    """Return the words with which jobs log into their folders only: a line each is shown."""
    handlers = OmegaConf.select(config, "hydra.job_logging.root.handlers") or []
    if "console" not in handlers:
        return []
    return [f"hydra.job_logging.root.handlers=[{','.join(set(handlers) - {'console'})}]"]


def _shared(overrides: Iterable[Override]) -> list[str]:
    """Return the words that all jobs have in common, but for those about folders."""
    given = _last_of_each(overrides).items()
    fixed = [(key, each) for key, each in given if not each.is_sweep_override()]
    return [str(each.input_line) for key, each in fixed if key not in FOLDER_KEYS]


def _last_of_each(overrides: Iterable[Override]) -> dict[str, Override]:
    """Return the override of each key that counts."""
    return {each.get_key_element(): each for each in overrides}


def _has_metric(experiment: "Experiment") -> bool:
    """Return whether a run will have a metric by which it can be compared."""
    return experiment.settings.evaluate_every > 0 and experiment.dataset.has_test()


_NO_METRIC = (
    "no job will be evaluated (evaluate_every=0, or no test samples): the report will show losses"
    " and samples, and will not rank; {evaluate} evaluates runs afterwards"
)
