"""Check a run, or all jobs of a sweep, before Hydra starts; report a sweep at its end."""

import gc
import itertools
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from gan_zoo import latest_sweep
from gan_zoo.command_line import EXIT_FAILED, program
from gan_zoo.launch.errors import exit_on_config_error
from gan_zoo.launch.hydra_config import load_config, overrides_of, to_dict, writable
from gan_zoo.launch.job_folders import ONLY_JOB, check_job_folders, check_run_folder, job_folder
from gan_zoo.launch.overrides import key_of
from gan_zoo.launch.resume import apply_resume
from gan_zoo.run_folder import check_unchanged, finished_summary, has_run, read_failure
from gan_zoo.schema import ConfigError

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment

# Experiments that the callback has checked and the job of the folder has not yet trained: Hydra
# gives the two no object in common.
_checked: dict[str, "Experiment"] = {}


class PreflightCallback(Callback):
    """Check every job before Hydra makes a folder; after a sweep, report it and list failures."""

    def __init__(self) -> None:
        self.jobs: dict[Path, int] = {}  # steps of each job, by folder

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        with exit_on_config_error(), writable(config):
            apply_resume(config)
            folder = Path(config.hydra.run.dir)
            check_run_folder(folder, resumed=config.resume is not None)
            _check_compatibility([_check_config(config, folder)])

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        with exit_on_config_error(), writable(config):
            sweep = Path(config.hydra.sweep.dir)
            overrides = OverridesParser.create().parse_overrides(overrides_of(config, "task"))
            names = _job_naming(overrides, overrides_of(config, "hydra"))
            config.hydra.overrides.hydra.extend(names)
            experiments, folders = [], []
            for number, job in enumerate(sweep_jobs(overrides)):
                own = [*overrides_of(config, "hydra"), f"hydra.job.num={number}"]
                full = compose("train", [*own, *job], return_hydra_config=True)
                OmegaConf.copy_cache(config, full)  # the time of ${now:}, as Hydra does for jobs
                folder = job_folder(sweep, str(full.hydra.sweep.subdir))
                experiments.append(_check_config(full, folder))
                folders.append(folder)
                self.jobs[folder] = full.steps
            check_job_folders(sweep, folders)
            _check_compatibility(experiments)
            if not any(map(_has_metric, experiments)):
                print(_NO_METRIC.format(evaluate=program("scripts/evaluate.py")), file=sys.stderr)
            latest_sweep.note(sweep)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        if sys.exception() is not None:  # Hydra 1.4 calls this for a refused sweep, too
            return
        from gan_zoo.report.build import report_sweep  # imports matplotlib

        folder = Path(config.hydra.sweep.dir)
        report_sweep(folder)
        failed = [job for job, steps in self.jobs.items() if not finished_summary(job, steps)]
        if failed:
            command = f"the same command with {sweep_word(config)} retry_failed=true"
            lines = [f"{len(failed)} of {len(self.jobs)} jobs failed; {command} tries them again"]
            lines += [f"  {j.relative_to(folder)}: {read_failure(j) or 'ended'}" for j in failed]
            print("\n".join(lines), file=sys.stderr)
            sys.exit(EXIT_FAILED)


def load_checked(config: DictConfig, folder: Path) -> "Experiment":
    """Return the experiment of a job, as checked before; check it in a launcher's own process."""
    settings = to_dict(config)
    experiment = _checked.pop(os.path.abspath(folder), None)  # noqa: PTH100
    if experiment is not None and experiment.config == settings:
        return experiment
    return _load(settings)


def sweep_word(config: DictConfig) -> str:
    """Return the word that names a sweep, quoted for a POSIX shell."""
    return shlex.quote(f"sweep={config.sweep}")


def sweep_jobs(overrides: Iterable[Override]) -> list[list[str]]:
    """Return the overrides of each job, in Hydra's order. Raises ConfigError for an interval."""
    words: dict[str, list[str]] = {}
    for each in overrides:
        key = each.get_key_element()
        if each.is_interval_sweep():
            allowed = "must be a list of values such as A,B, or range(A,B)"
            raise ConfigError(key, (each.input_line or "").partition("=")[2], allowed)
        one = [] if each.is_sweep_override() else [each.get_value_element_as_str()]
        words[key] = [f"{key}={value}" for value in one or each.sweep_string_iterator()]
    return [list(job) for job in itertools.product(*words.values())]


def _job_naming(overrides: Sequence[Override], given: Iterable[str]) -> list[str]:
    """Return words that name jobs by what is swept, not by what all jobs share.

    given: overrides of Hydra's own settings.
    """
    fixed = [each.get_key_element() for each in overrides if not each.is_sweep_override()]
    names = [f"hydra.job.config.override_dirname.exclude_keys=[{','.join(fixed)}]"]
    if len(fixed) == len(overrides) and "hydra.sweep.subdir" not in map(key_of, given):
        names.append(f"hydra.sweep.subdir={ONLY_JOB}")
    return names


def _has_metric(experiment: "Experiment") -> bool:
    """Return whether a run will have a metric by which it can be compared."""
    return experiment.settings.evaluate_every > 0 and experiment.dataset.has_test()


_NO_METRIC = (
    "no job will be evaluated (evaluate_every=0, or no test samples): the report will show losses"
    " and samples, and will not rank; {evaluate} evaluates runs afterwards"
)


def _check_config(config: DictConfig, folder: Path) -> "Experiment":
    """Raises ConfigError for a wrong setting, or one that differs from the run in the folder."""
    settings = to_dict(config)
    experiment = _load(settings)
    if has_run(folder) and (folder / ".hydra" / "config.yaml").is_file():
        check_unchanged(to_dict(load_config(folder)), settings)
    _checked[os.path.abspath(folder)] = experiment  # noqa: PTH100
    return experiment


def _load(settings: dict[str, Any]) -> "Experiment":
    gc.disable()  # imports torch once the first settings are valid: without gc 1/6 faster
    try:
        from gan_zoo.experiment import load_experiment

        return load_experiment(settings)
    finally:
        gc.enable()


def _check_compatibility(experiments: Iterable["Experiment"]) -> None:
    """Raises ConfigError for the first experiment whose parts do not fit together."""
    from gan_zoo.compatibility import check_compatibility  # imports torch

    for experiment in experiments:
        check_compatibility(experiment)
