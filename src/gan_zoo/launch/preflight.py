"""What happens before and after Hydra's own work: checks first, failures told at the end."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import compose
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from gan_zoo import latest_sweep
from gan_zoo.exit_codes import EXIT_FAILED
from gan_zoo.imports import uncollected
from gan_zoo.launch import errors
from gan_zoo.launch.folder_names import BY_NUMBER, refuse_long
from gan_zoo.launch.hydra_versions import writable
from gan_zoo.launch.resume import apply_resume, load_config, to_dict, words_of
from gan_zoo.launch.sweeps import ONLY_JOB, check_apart, check_place, key_of
from gan_zoo.run_folder import check_unchanged, finished_summary, has_run, newest_step, read_failure
from gan_zoo.schema import ConfigError

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment


class PreflightCallback(Callback):
    """Checks a run, or every job of a sweep, before Hydra makes a folder or starts a job.

    After a sweep it has it reported, and tells which jobs failed and why.
    """

    def __init__(self) -> None:
        self.jobs: dict[Path, int] = {}  # folders, and steps to be made there

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        with errors.exit_on_config_error(), writable(config):
            apply_resume(config)
            folder = Path(config.hydra.run.dir)
            refuse_long("hydra.run.dir", folder, "give the run's folder a shorter name")
            if has_run(folder) and config.resume is None:
                sound = newest_step(folder) is not None
                allowed = "continues it" if sound else "starts it again, for it has no checkpoint"
                allowed = f"already contains a run; resume=auto {allowed}"
                raise ConfigError("hydra.run.dir", folder, allowed)
            if not has_run(folder):
                check_place(folder)
            check_all_compatible([check_config(config, folder)])

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        with errors.exit_on_config_error(), writable(config):
            sweep = Path(config.hydra.sweep.dir)
            overrides = OverridesParser.create().parse_overrides(words_of(config, "task"))
            (jobs,) = BasicSweeper.split_arguments(overrides, None)
            config.hydra.overrides.hydra.extend(naming(overrides, words_of(config, "hydra")))
            experiments, folders = [], []
            for number, job in enumerate(jobs):
                own = [*words_of(config, "hydra"), f"hydra.job.num={number}"]
                full = compose("train", [*own, *job], return_hydra_config=True)
                folder = job_folder(sweep, str(full.hydra.sweep.subdir))
                experiments.append(check_config(full, folder))
                folders.append(folder)
                self.jobs[folder] = full.steps
            check_apart(sweep, folders)
            check_all_compatible(experiments)
            if not any(map(evaluates, experiments)):
                print(_NO_METRIC, file=sys.stderr)
            latest_sweep.note(sweep)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        if sys.exception() is not None:  # Hydra 1.4 calls this for a sweep that was refused, too
            return
        from gan_zoo.report.build import report_sweep  # imports matplotlib

        folder = Path(config.hydra.sweep.dir)
        report_sweep(folder)
        failed = {
            job: read_failure(job)
            for job, steps in self.jobs.items()
            if not finished_summary(job, steps)
        }
        if failed:
            again = (
                f"the same command with {errors.sweep(config)} retry_failed=true tries them again"
            )
            lines = [f"{len(failed)} of {len(self.jobs)} jobs failed; {again}"]
            lines += [f"  {j.relative_to(folder)}: {why or 'ended'}" for j, why in failed.items()]
            print("\n".join(lines), file=sys.stderr)
            sys.exit(EXIT_FAILED)


def naming(overrides: Iterable[Override], hydra: Iterable[str]) -> list[str]:
    """Words that name jobs by what is swept, not by what all of them share.

    hydra: words of Hydra's own that were given.
    """
    overrides = list(overrides)
    fixed = [each.get_key_element() for each in overrides if not each.is_sweep_override()]
    names = [f"hydra.job.config.override_dirname.exclude_keys=[{','.join(fixed)}]"]
    if len(fixed) == len(overrides) and "hydra.sweep.subdir" not in map(key_of, hydra):
        names.append(f"hydra.sweep.subdir={ONLY_JOB}")
    return names


def evaluates(experiment: "Experiment") -> bool:
    """Whether a run will have a metric by which it can be compared."""
    return experiment.settings.evaluate_every > 0 and experiment.dataset.has_test()


_NO_METRIC = (
    "no job will be evaluated (evaluate_every=0, or no test samples): the report will show losses"
    " and samples, and will not rank; python scripts/evaluate.py evaluates runs afterwards"
)


def job_folder(sweep: Path, name: str) -> Path:
    """A job's folder inside its sweep's. Raises ConfigError for a name that no folder can have."""
    folder = sweep / name
    if ".." in folder.relative_to(sweep).parts or not folder.is_relative_to(sweep):
        raise ConfigError("hydra.sweep.subdir", name, "leads out of the sweep's folder")
    refuse_long("hydra.sweep.dir", sweep, "give the sweep a shorter name")
    refuse_long("hydra.sweep.subdir", Path(name), BY_NUMBER)
    return folder


def check_config(config: DictConfig, folder: Path) -> "Experiment":
    """The experiment. Raises ConfigError for a setting that is wrong, or was another before."""
    settings = to_dict(config)
    with uncollected():
        from gan_zoo.experiment import (
            load_experiment,  # imports all nouns: only once Hydra knows the keys
        )

        experiment = load_experiment(settings)
    if has_run(folder) and (folder / ".hydra" / "config.yaml").is_file():
        check_unchanged(to_dict(load_config(folder)), settings)
    return experiment


def check_all_compatible(experiments: Iterable["Experiment"]) -> None:
    """Raises ConfigError for the first one whose nouns do not go together."""
    from gan_zoo.compatibility import (
        check_compatibility,  # imports torch: only once all else is known to be good
    )

    for experiment in experiments:
        check_compatibility(experiment)
