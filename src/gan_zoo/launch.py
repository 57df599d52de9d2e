"""Between Hydra and the runner: check everything first, tell every mistake on one line.

The only module of the package that imports Hydra. It does not import torch.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from gan_zoo.experiment import read
from gan_zoo.resume import holds_run, leaves, refuse_changes, run_folder
from gan_zoo.schema import SettingError, nearest
from gan_zoo.training.interruption import Interrupted

MISTAKE = 2  # exit code for a mistake of the user's


def train(config: DictConfig, folder: Path, alone: bool) -> dict[str, Any]:
    """Train one model in its folder; a mistake found before training leaves no folder behind.

    A run that is alone ends the program then; one job of a sweep leaves the others to go on.
    """
    experiment = read(plain(config))
    from gan_zoo.run import run  # imports torch: only once the settings are known to be good

    try:
        return run(experiment, folder)
    except SettingError as error:
        if not holds_run(folder):
            shutil.rmtree(folder, ignore_errors=True)
        if alone:
            _refuse(str(error))
        raise


def plain(config: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain dicts and lists, interpolations resolved."""
    ours = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
    content = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def in_one_line(main: Callable[[], Any], configs: Path) -> None:
    """Run a Hydra main function; a mistake of the user's ends in one line on standard error.

    configs is the folder that the function composes from, for naming what is allowed instead.
    HYDRA_FULL_ERROR=1 in the environment shows the whole traceback instead.
    """
    if os.environ.get("HYDRA_FULL_ERROR"):
        main()
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets Hydra pass its exceptions on to us
    try:
        main()
    except (SettingError, HydraException, OmegaConfBaseException) as error:
        _refuse(explain(error, configs))
    except Interrupted as interrupted:
        print(f"{interrupted}; the same command with resume=auto goes on", file=sys.stderr)
        sys.exit(interrupted.exit_code)
    finally:
        del os.environ["HYDRA_FULL_ERROR"]


def _refuse(line: str) -> NoReturn:
    print(f"error: {line}", file=sys.stderr)
    sys.exit(MISTAKE)


def explain(error: Exception, configs: Path) -> str:
    """One line for an error of our own, of Hydra or of OmegaConf."""
    if isinstance(error, SettingError):
        return str(error)
    text = f"{error}\n{error.__cause__ or ''}"
    unknown = re.search(r"Could not override '([^']+)'", text)
    if unknown:
        group = unknown[1].rpartition(".")[0]
        siblings = [key for key in _valid_keys(configs) if key.rpartition(".")[0] == group]
        return f"{unknown[1]}: unknown key; {nearest(unknown[1], siblings)}"
    choice = re.search(r"Could not find '(.+)/(.+)'\s+Available options in '.+':((\n\t\S+)+)", text)
    if choice:
        return f"{choice[1]}={choice[2]}: {nearest(choice[2], choice[3].split())}"
    return " ".join(text.split())


def _valid_keys(configs: Path) -> list[str]:
    """Every dotted key of the configuration that the command line's group choices compose."""
    groups = {path.name for path in configs.iterdir() if path.is_dir()}
    choices = [word for word in sys.argv[1:] if word.partition("=")[0] in groups]
    with initialize_config_dir(str(configs.resolve()), version_base="1.3"):
        single = [word for word in choices if "," not in word]
        keys = [key for key, _ in leaves(plain(compose("train", single)))]
    return [*keys, *{key.partition(".")[0] for key in keys}]


class CheckFirst(Callback):
    """Checks a run, or every job of a sweep, before Hydra makes a folder or starts a job."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        with _refusing(), read_write(config), open_dict(config):
            continue_run(config)
            folder = Path(config.hydra.run.dir)
            if holds_run(folder) and config.resume is None:
                allowed = "holds a run already; resume=auto goes on with it"
                raise SettingError("hydra.run.dir", folder, allowed)
            check_job(config, folder)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        with _refusing(), read_write(config), open_dict(config):
            continue_sweep(config)
            overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
            (jobs,) = BasicSweeper.split_arguments(overrides, None)
            # run folders are named by what was swept, not by what all jobs share
            fixed = [o.get_key_element() for o in overrides if not o.is_sweep_override()]
            key = "hydra.job.config.override_dirname.exclude_keys"
            config.hydra.overrides.hydra.append(f"{key}=[{','.join(fixed)}]")
            for job in jobs:
                full = compose(
                    "train", [*config.hydra.overrides.hydra, *job], return_hydra_config=True
                )
                check_job(full, Path(config.hydra.sweep.dir) / str(full.hydra.sweep.subdir))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        from gan_zoo.report.after_sweep import report_sweep  # imports matplotlib

        report_sweep(Path(config.hydra.sweep.dir))


@contextmanager
def _refusing() -> Iterator[None]:
    """Hydra turns a callback's exceptions into warnings, so a mistake must exit here."""
    try:
        yield
    except (SettingError, OmegaConfBaseException) as error:
        _refuse(str(error))


def check_job(config: DictConfig, folder: Path) -> None:
    """Raises SettingError for a wrong setting, or one that the run in the folder has otherwise."""
    settings = plain(config)
    read(settings)
    saved = folder / ".hydra" / "config.yaml"
    if holds_run(folder) and saved.is_file():
        refuse_changes(plain(OmegaConf.load(saved)), settings)


def continue_run(config: DictConfig) -> None:
    """If `resume` names a run, take over its folder and its settings, but for what is given now."""
    if config.resume in (None, "auto"):
        return
    folder = run_folder(Path(config.resume))
    given = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    taken = OmegaConf.load(folder / ".hydra" / "config.yaml")
    for override in given:
        key = override.key_or_group
        if OmegaConf.select(taken, key, default=_ABSENT) is _ABSENT:
            raise SettingError(key, override.value(), "is no setting of the run to continue")
        OmegaConf.update(taken, key, override.value())
    for key in taken:
        config[key] = taken[key]
    config.hydra.run.dir = str(folder)
    before = folder / ".hydra" / "overrides.yaml"
    told = list(OmegaConf.load(before)) if before.is_file() else []
    config.hydra.overrides.task = [*told, *config.hydra.overrides.task]


_ABSENT = object()


def continue_sweep(config: DictConfig) -> None:
    """If `sweep` is `resume`, make it the name of the newest sweep. Raises SettingError if none."""
    if config.sweep != "resume":
        return
    sweeps = [path.resolve().parent for path in Path("outputs/sweeps").glob("*/multirun.yaml")]
    if not sweeps:
        raise SettingError("sweep", "resume", "there is no sweep in outputs/sweeps to finish")
    newest = max(sweeps, key=lambda path: path.stat().st_mtime)
    tasks = [task for task in config.hydra.overrides.task if not task.startswith("sweep=")]
    config.hydra.overrides.task = [*tasks, f"sweep={newest.name}"]
    config.sweep = newest.name
