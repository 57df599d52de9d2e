"""Files through which a run on several devices and its ranks talk, while they train. No torch."""

import builtins
import dataclasses
import inspect
import json
import shutil
import time
import traceback
from pathlib import Path
from typing import Any

from gan_zoo.atomic_write import write_text
from gan_zoo.launch.sweep_stop import SweepStop
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import Interrupted, Stopped


@dataclasses.dataclass(frozen=True)
class RankFiles:
    """The folder .ranks of a run: what each rank needs to know, and how it ended.

    Attributes:
        run: the run's folder.
    """

    run: Path

    @property
    def folder(self) -> Path:
        return self.run / ".ranks"

    def begin(self, request: dict[str, Any]) -> None:
        """Write what the ranks need to know: plain values, see `launch.rank`."""
        self.remove()  # of a run that was killed
        write_text(self.folder / "request.json", json.dumps(request))

    def request(self) -> dict[str, Any]:
        """Read what `begin` has written."""
        return json.loads((self.folder / "request.json").read_text(encoding="utf-8"))

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write the summary that rank 0 returns."""
        write_text(self.folder / "summary.json", json.dumps(summary))

    def summary(self) -> dict[str, Any] | None:
        """Read the summary of rank 0; None if it has not come to its end."""
        path = self.folder / "summary.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def write_error(self, rank: int, error: BaseException) -> None:
        """Write the exception that ended a rank."""
        content = {
            "type": type(error).__name__,
            "arguments": _arguments(error),
            "notes": list(getattr(error, "__notes__", ())),
            "traceback": "".join(traceback.format_exception(error)),
            "time": time.time(),
        }
        write_text(self.folder / f"error-{rank}.json", json.dumps(content))

    def errors(self) -> dict[int, Exception]:
        """Read the exceptions of all ranks that were ended by one, by rank, earliest first."""
        paths = self.folder.glob("error-*.json")
        found = {int(p.stem.partition("-")[2]): json.loads(p.read_text("utf-8")) for p in paths}
        earliest = sorted(found, key=lambda rank: found[rank]["time"])
        return {rank: _exception(found[rank]) for rank in earliest}

    def stop(self, pid: int, host: str) -> SweepStop:
        """Return how the process with this number asks its ranks to stop."""
        return SweepStop(self.folder, pid, host)

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


class RankTraceback(Exception):  # noqa: N818
    """The cause of an exception that another process raised: a text."""


def _arguments(error: BaseException) -> list[Any]:
    """Return the arguments with which `_exception` makes an exception again."""
    if isinstance(error, ConfigError):
        hidden = error.value is inspect.Parameter.empty
        return [error.key, None if hidden else str(error.value), error.allowed]
    if isinstance(error, Interrupted):
        return [error.signal_number]
    if isinstance(error, OSError) and error.strerror:
        return [error.errno, error.strerror, error.filename and str(error.filename)]
    plain = all(isinstance(each, (str, int, float)) for each in error.args)
    return list(error.args) if plain else [str(error)]


def _exception(content: dict[str, Any]) -> Exception:
    """Make the exception of another process again; one that only torch has is a RuntimeError."""
    name, arguments = content["type"], content["arguments"]
    if name == "ConfigError" and arguments[1] is None:
        arguments[1] = inspect.Parameter.empty
    own = {each.__name__: each for each in (ConfigError, Interrupted, Stopped)}
    try:
        error = (own.get(name) or getattr(builtins, name))(*arguments)
    except (AttributeError, TypeError):
        error = RuntimeError(f"{name}: {' '.join(map(str, arguments))}")
    for note in content["notes"]:
        error.add_note(note)
    error.__cause__ = RankTraceback(f"\n{content['traceback']}")
    return error
