"""Between Hydra and the runner: check everything first, tell every mistake on one line.

The only module of the package that imports Hydra. It does not import torch.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
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
from gan_zoo.schema import SettingError, nearest

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
        if not (folder / "samples").exists():
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
        return [key for key, _ in _leaves(plain(compose("train", single)))]


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        yield f"{prefix}{key}", value
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")


class CheckFirst(Callback):
    """Checks a run, or every job of a sweep, before Hydra makes a folder or starts a job."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        _checked(config)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
        (jobs,) = BasicSweeper.split_arguments(overrides, None)
        fixed = [
            override.get_key_element() for override in overrides if not override.is_sweep_override()
        ]
        with read_write(config), open_dict(config):
            # run folders are named by what was swept, not by what all jobs share
            excluded = ",".join(fixed)
            key = "hydra.job.config.override_dirname.exclude_keys"
            config.hydra.overrides.hydra.append(f"{key}=[{excluded}]")
        for job in jobs:
            _checked(compose("train", job))


def _checked(config: DictConfig) -> None:
    """Hydra turns a callback's exceptions into warnings, so a mistake must exit here."""
    try:
        read(plain(config))
    except (SettingError, OmegaConfBaseException) as error:
        _refuse(str(error))
