"""Every mistake on one line, and an exit code that says what kind of end it was."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from gan_zoo.launch.continuing import with_choices
from gan_zoo.launch.explanations import explain
from gan_zoo.launch.overrides import as_typed
from gan_zoo.schema import SettingError
from gan_zoo.training.interruption import Stopped

MISTAKE = 2  # exit code for a mistake of the user's: nothing was trained
FAILED = Stopped.exit_code  # a run, or some jobs of a sweep, could not come to an end


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
        sys.argv[1:] = with_choices(as_typed(checked(sys.argv[1:])), configs)
        main()
    except (SettingError, HydraException, OmegaConfBaseException) as error:
        refuse(explain(error))
    except OSError as error:
        end(error, FAILED)
    except BrokenExecutor:  # a launcher's processes
        way_on = "the same command with sweep=resume finishes what is missing"
        end("a process of the sweep was killed", FAILED, way_on)
    finally:
        del os.environ["HYDRA_FULL_ERROR"]


def end(error: Exception | str, code: int, way_on: str = "") -> NoReturn:
    """End the program with one line on standard error: what happened, and what to do now."""
    told = error if isinstance(error, str) else reason(error)
    line = "; ".join(filter(None, [f"error: {' '.join(told.split())}", way_on]))
    # a folder's name or a saved setting may hold what a terminal would act on
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    print("".join(shown), file=sys.stderr)
    sys.exit(code)


def refuse(line: str) -> NoReturn:
    """End the program for a mistake of the user's."""
    end(line, MISTAKE)


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


def reason(error: Exception) -> str:
    """One line that says what went wrong."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'}: {error.strerror}"
    named = str(error) if isinstance(error, (SettingError, Stopped)) else ""
    return " ".join((named or f"{type(error).__name__}: {error}").split())
