"""Every mistake on one line, and an exit code that says what kind of end it was."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from gan_zoo.command_line import exit_usage_error, exit_with, one_line_errors
from gan_zoo.exit_codes import EXIT_FAILED
from gan_zoo.launch.hydra_errors import format_hydra_error
from gan_zoo.launch.overrides import as_typed
from gan_zoo.launch.resume import add_saved_choices
from gan_zoo.schema import ConfigError


def one_line_hydra_errors(
    main: Callable[[], Any],
    configs: Path,
    checked: Callable[[list[str]], list[str]] = list,
) -> None:
    """Run a Hydra main function; a mistake of the user's ends in one line on standard error.

    configs is the folder that the function composes from: a run that is continued had its choices.
    checked returns the words of the command line in Hydra's order, or raises ConfigError.
    HYDRA_FULL_ERROR=1 in the environment shows the whole traceback instead.
    """
    if os.environ.get("HYDRA_FULL_ERROR"):
        main()
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets Hydra pass its exceptions on to us
    try:
        with one_line_errors():
            _explaining(main, checked, configs)
    finally:
        del os.environ["HYDRA_FULL_ERROR"]


def _explaining(
    main: Callable[[], Any], checked: Callable[[list[str]], list[str]], configs: Path
) -> None:
    """Run a Hydra main function; end the program in one line for errors of Hydra's own."""
    try:
        sys.argv[1:] = add_saved_choices(as_typed(checked(sys.argv[1:])), configs)
        main()
    except (HydraException, OmegaConfBaseException) as error:
        exit_usage_error(format_hydra_error(error))
    except BrokenExecutor:  # a launcher's processes
        hint = "python train.py sweep=resume runs the remaining jobs"
        exit_with("a process of the sweep was killed", EXIT_FAILED, hint)


def sweep(config: DictConfig) -> str:
    """The word that names a sweep, for a POSIX shell."""
    return shlex.quote(f"sweep={config.sweep}")


@contextmanager
def exit_on_config_error() -> Iterator[None]:
    """Hydra turns a callback's exceptions into warnings, so a mistake must exit here."""
    try:
        yield
    except (ConfigError, HydraException, OmegaConfBaseException) as error:
        exit_usage_error(format_hydra_error(error))
