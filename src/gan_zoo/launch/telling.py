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

from gan_zoo.command_line import end, one_line_errors, refuse
from gan_zoo.exit_codes import EXIT_FAILED
from gan_zoo.launch.continuing import with_choices
from gan_zoo.launch.explanations import explain
from gan_zoo.launch.overrides import as_typed
from gan_zoo.schema import SettingError


def in_one_line(
    main: Callable[[], Any],
    configs: Path,
    checked: Callable[[list[str]], list[str]] = list,
) -> None:
    """Run a Hydra main function; a mistake of the user's ends in one line on standard error.

    configs is the folder that the function composes from: a run that is continued had its choices.
    checked returns the words of the command line in Hydra's order, or raises SettingError.
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
        sys.argv[1:] = with_choices(as_typed(checked(sys.argv[1:])), configs)
        main()
    except (HydraException, OmegaConfBaseException) as error:
        refuse(explain(error))
    except BrokenExecutor:  # a launcher's processes
        way_on = "python train.py sweep=resume finishes what is missing"
        end("a process of the sweep was killed", EXIT_FAILED, way_on)


def sweep(config: DictConfig) -> str:
    """The word that names a sweep, for a POSIX shell."""
    return shlex.quote(f"sweep={config.sweep}")


@contextmanager
def refusing() -> Iterator[None]:
    """Hydra turns a callback's exceptions into warnings, so a mistake must exit here."""
    try:
        yield
    except (SettingError, HydraException, OmegaConfBaseException) as error:
        refuse(explain(error))
