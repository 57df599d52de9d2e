"""Every mistake on one line, and an exit code that says what kind of end it was."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from gan_zoo.command_line import end, one_line_errors, refuse
from gan_zoo.exit_codes import EXIT_FAILED
from gan_zoo.launch.continuing import with_choices
from gan_zoo.schema import SettingError, nearest


def in_one_line(main: Callable[[], Any], configs: Path) -> None:
    """Run a Hydra main function; a mistake of the user's ends in one line on standard error.

    configs is the folder that the function composes from: a run that is continued had its choices.
    HYDRA_FULL_ERROR=1 in the environment shows the whole traceback instead.
    """
    if os.environ.get("HYDRA_FULL_ERROR"):
        main()
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets Hydra pass its exceptions on to us
    sys.argv[1:] = with_choices(sys.argv[1:], configs)
    try:
        with one_line_errors():
            _explaining(main)
    finally:
        del os.environ["HYDRA_FULL_ERROR"]


def _explaining(main: Callable[[], Any]) -> None:
    """Run a Hydra main function; end the program in one line for errors of Hydra's own."""
    try:
        main()
    except (HydraException, OmegaConfBaseException) as error:
        refuse(explain(error))
    except BrokenExecutor:  # a launcher's processes
        way_on = "python train.py sweep=resume finishes what is missing"
        end("a process of the sweep was killed", EXIT_FAILED, way_on)


@contextmanager
def refusing() -> Iterator[None]:
    """Hydra turns a callback's exceptions into warnings, so a mistake must exit here."""
    try:
        yield
    except (SettingError, HydraException, OmegaConfBaseException) as error:
        refuse(" ".join(str(error).split()))


def explain(error: Exception) -> str:
    """One line for an error of our own, of Hydra or of OmegaConf."""
    if isinstance(error, SettingError):
        return str(error)
    if isinstance(error, OverrideParseException):
        return f"{error.override}: {' '.join(str(error).partition('See https')[0].split())}"
    if isinstance(error.__cause__, (ConfigAttributeError, ConfigKeyError)):
        return _unknown(error.__cause__)
    text = f"{error}\n{error.__cause__ or ''}"
    choice = re.search(r"Could not find '(.+)/(.+)'\s+Available options in '.+':((\n\t\S+)+)", text)
    if choice:
        return f"{choice[1]}={choice[2]}: {nearest(choice[2], choice[3].split())}"
    return " ".join(text.split())


def _unknown(error: OmegaConfBaseException) -> str:
    key, parent = str(error.full_key), error.parent_node
    group = key.rpartition(".")[0]
    names = parent if isinstance(parent, DictConfig) else ()
    settable = [str(name) for name in names if name not in ("hydra", "_target_")]
    siblings = [f"{group}.{name}" if group else name for name in settable]
    allowed = nearest(key, siblings) if siblings else f"{group} has none"
    return f"{key}: unknown key; {allowed}"
