"""What happens before and after Hydra's own work: checks first, failures told at the end."""

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import compose
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write

from gan_zoo.imports import uncollected
from gan_zoo.launch import telling
from gan_zoo.launch.composed import kept, plain, words_of
from gan_zoo.launch.continuing import continue_run, continue_sweep
from gan_zoo.launch.names import refuse_long
from gan_zoo.resume import failure, finished, holds_run, refuse_changes
from gan_zoo.schema import SettingError

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment


_BY_NUMBER = f"type {shlex.quote('hydra.sweep.subdir=${hydra.job.num}')}"


class CheckFirst(Callback):
    """Checks a run, or every job of a sweep, before Hydra makes a folder or starts a job.

    After a sweep it has it reported, and tells which jobs failed and why.
    """

    def __init__(self) -> None:
        self.jobs: dict[Path, int] = {}  # folders, and steps to be made there

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        with telling.refusing(), read_write(config), open_dict(config):
            continue_run(config)
            folder = Path(config.hydra.run.dir)
            refuse_long("hydra.run.dir", folder, "give the run's folder a shorter name")
            if holds_run(folder) and config.resume is None:
                allowed = "holds a run already; resume=auto goes on with it"
                raise SettingError("hydra.run.dir", folder, allowed)
            check_together([check_job(config, folder)])

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        with telling.refusing(), read_write(config), open_dict(config):
            continue_sweep(config)
            overrides = OverridesParser.create().parse_overrides(words_of(config, "task"))
            (jobs,) = BasicSweeper.split_arguments(overrides, None)
            # run folders are named by what was swept, not by what all jobs share
            fixed = [o.get_key_element() for o in overrides if not o.is_sweep_override()]
            key = "hydra.job.config.override_dirname.exclude_keys"
            config.hydra.overrides.hydra.append(f"{key}=[{','.join(fixed)}]")
            experiments = []
            for number, job in enumerate(jobs):
                full = compose(
                    "train", [*words_of(config, "hydra"), *job], return_hydra_config=True
                )
                with read_write(full.hydra.job):
                    full.hydra.job.num = number  # a folder's name may hold it
                folder = job_folder(Path(config.hydra.sweep.dir), str(full.hydra.sweep.subdir))
                if folder in self.jobs and job not in jobs[:number]:
                    allowed = f"is the folder of two jobs; {_BY_NUMBER}"
                    raise SettingError("hydra.sweep.subdir", full.hydra.sweep.subdir, allowed)
                experiments.append(check_job(full, folder))
                self.jobs[folder] = full.steps
            check_together(experiments)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        from gan_zoo.report.after_sweep import report_sweep  # imports matplotlib

        folder = Path(config.hydra.sweep.dir)
        report_sweep(folder)
        failed = {job: failure(job) for job, steps in self.jobs.items() if not finished(job, steps)}
        if failed:
            again = f"the same command with {telling.sweep(config)} retry=true tries them again"
            lines = [f"{len(failed)} of {len(self.jobs)} jobs failed; {again}"]
            lines += [f"  {j.relative_to(folder)}: {why or 'ended'}" for j, why in failed.items()]
            print("\n".join(lines), file=sys.stderr)
            sys.exit(telling.FAILED)


def job_folder(sweep: Path, name: str) -> Path:
    """A job's folder inside its sweep's. Raises SettingError for a name that no folder can have."""
    folder = sweep / name
    if ".." in folder.relative_to(sweep).parts or not folder.is_relative_to(sweep):
        raise SettingError("hydra.sweep.subdir", name, "leads out of the sweep's folder")
    refuse_long("hydra.sweep.dir", sweep, "give the sweep a shorter name")
    refuse_long("hydra.sweep.subdir", Path(name), _BY_NUMBER)
    return folder


def check_job(config: DictConfig, folder: Path) -> "Experiment":
    """The experiment. Raises SettingError for a setting that is wrong, or was another before."""
    settings = plain(config)
    with uncollected():
        from gan_zoo.experiment import read  # imports all nouns: only once Hydra knows the keys

        experiment = read(settings)
    if holds_run(folder) and (folder / ".hydra" / "config.yaml").is_file():
        refuse_changes(plain(kept(folder)), settings)
    return experiment


def check_together(experiments: Iterable["Experiment"]) -> None:
    """Raises SettingError for the first one whose nouns do not go together."""
    from gan_zoo.fit import check_fit  # imports torch: only once all else is known to be good

    for experiment in experiments:
        check_fit(experiment)
