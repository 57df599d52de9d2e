"""What may change between a run and its continuation, and how far a run is. No torch, no Hydra."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gan_zoo.schema import SettingError, at_home

# A continued run may be longer, be watched otherwise, and live on another device.
FREE = {
    *("steps", "log_every", "log_seconds", "sample_every", "checkpoint_every", "evaluate_every"),
    *("device", "deterministic", "resume", "allow_changes", "sweep", "retry"),
    *(f"evaluation.{name}" for name in ("n", "seed", "metrics", "best", "cache")),
}
_LEADING = ("resume", "allow_changes", "sweep", "retry")  # into a folder that exists already
_FAILURE = "failure.txt"


def leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a nested mapping."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def refuse_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises SettingError for the first setting that a continued run must not change, if any."""
    old, new = dict(leaves(before)), dict(leaves(now))
    if new.get("allow_changes"):
        return
    for key in (*new, *old):
        if key not in FREE and old.get(key) != new.get(key):
            allowed = (
                f"was {old.get(key)} in the run to continue; allow_changes=true if you mean it"
            )
            raise SettingError(key, new.get(key), allowed)


def folder_of(path: Path) -> Path:
    """The folder of a run that is named by it or by a checkpoint in it; it need not exist."""
    path = Path(at_home(str(path)))
    return path.parent.parent if path.suffix == ".pt" else path


def run_folder(path: Path) -> Path:
    """The run's folder of a checkpoint or of itself. Raises SettingError where there is no run."""
    folder = folder_of(path)
    if not Path(at_home(str(path))).exists() or not (folder / ".hydra" / "config.yaml").is_file():
        raise SettingError(
            "resume", path, "must be the folder of a run, a checkpoint in one, or auto"
        )
    return folder


def holds_run(folder: Path) -> bool:
    """Whether a run has begun to write into a folder."""
    return (folder / "metrics.jsonl").exists()


def finished(folder: Path, steps: int) -> dict[str, Any] | None:
    """The summary of a run that has come to its end, if no more steps are asked for than then."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return summary if steps <= summary.get("steps_asked", summary["steps"]) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # none, or half of one: the power went as it was written


def note_failure(folder: Path, reason: str) -> None:
    """Leave word in a job's folder of why it failed; an empty reason takes an earlier word back."""
    folder.mkdir(parents=True, exist_ok=True)
    if reason:
        (folder / _FAILURE).write_text(f"{reason}\n", encoding="utf-8", errors="replace")
    else:
        (folder / _FAILURE).unlink(missing_ok=True)


def failure(folder: Path) -> str:
    """Why the job of a folder failed; empty where it did not."""
    path = folder / _FAILURE
    if not path.is_file():
        return ""
    return path.read_text(encoding="utf-8", errors="replace").strip() or "it left no reason"


def command(words: Iterable[str]) -> str:
    """The command that trains again, elsewhere, what these overrides trained, for a POSIX shell."""
    kept = [word for word in words if word.partition("=")[0].lstrip("+") not in _LEADING]
    return shlex.join(["python", "train.py", *kept])
