"""What may change between a run and its continuation, and how far a run is. No torch, no Hydra."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gan_zoo.command_line import from_here
from gan_zoo.latest_sweep import resolve
from gan_zoo.schema import ConfigError, at_home

# A continued run may be longer, be watched otherwise, and live on another device.
RESUMABLE_KEYS = {
    *(
        "steps",
        "log_every",
        "min_log_interval",
        "sample_every",
        "checkpoint_every",
        "evaluate_every",
    ),
    *("device", "deterministic", "resume", "allow_changes", "sweep", "retry_failed"),
    *(f"evaluation.{name}" for name in ("num_samples", "seed", "metrics", "monitor", "cache")),
}
_LEADING = ("resume", "allow_changes", "sweep", "retry_failed")  # into a folder that exists already
_FAILURE = "failure.txt"


def flatten(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a nested mapping."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def check_unchanged(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises ConfigError for the first setting that a continued run must not change, if any."""
    old, new = dict(flatten(before)), dict(flatten(now))
    if new.get("allow_changes"):
        return
    for key in (*new, *old):
        if key not in RESUMABLE_KEYS and old.get(key) != new.get(key):
            allowed = (
                f"was {old.get(key)} in the run to continue; allow_changes=true if you mean it"
            )
            raise ConfigError(key, new.get(key), allowed)


def refuse_other_data(before: Mapping[str, Any], now: str, key: str, value: str) -> None:
    """Raises ConfigError for `key` where a checkpoint was trained on other data than `now`.

    before: the checkpoint's content; now: fingerprint of the dataset.
    """
    old = before.get("dataset_fingerprint", now)
    if old != now:
        told = f"holds other data ({now}) than the run to continue was trained on ({old})"
        raise ConfigError(key, value, f"{told}; allow_changes=true if you mean it")


def data_history(before: Mapping[str, Any], now: str) -> dict[str, Any]:
    """What checkpoint and summary say of the data: its fingerprint, and earlier ones if any.

    before: content of the checkpoint that the run continues from; empty for a start.
    """
    old = before.get("dataset_fingerprint", now)
    history = list(before.get("dataset_history", ()))
    if old != now:
        history = history or [{"fingerprint": old, "from_step": 0}]
        history.append({"fingerprint": now, "from_step": before["step"]})
    return {"dataset_fingerprint": now, **({"dataset_history": history} if history else {})}


def folder_of(path: Path) -> Path:
    """The folder of a run that is named by it or by a checkpoint in it; it need not exist."""
    path = resolve(Path(at_home(str(path))))
    return path.parent.parent if path.suffix == ".pt" else path


def run_folder(path: Path) -> Path:
    """The run's folder of a checkpoint or of itself. Raises ConfigError where there is no run."""
    folder = folder_of(path)
    named = resolve(Path(at_home(str(path))))
    if not named.exists() or not (folder / ".hydra" / "config.yaml").is_file():
        raise ConfigError(
            "resume", path, "must be the folder of a run, a checkpoint in one, or auto"
        )
    return folder


def has_run(folder: Path) -> bool:
    """Whether a run has begun to write into a folder."""
    return (folder / "metrics.jsonl").exists()


def newest_step(folder: Path) -> int | None:
    """Step of the newest checkpoint of a run's folder; None where there is none."""
    names = (path.stem for path in folder.glob("checkpoints/[0-9]*.pt"))
    return max((int(name) for name in names if name.isdecimal()), default=None)


def resume_hint(folder: Path) -> str:
    """What continues the run of a folder; empty where none has begun there."""
    if not has_run(folder):
        return ""
    step = newest_step(folder)
    found = "starts again: it has no checkpoint" if step is None else f"continues from step {step}"
    return f"{from_here('train.py', f'resume={folder}')} {found}"


def finished_summary(folder: Path, steps: int) -> dict[str, Any] | None:
    """The summary of a run that has come to its end, if no more steps are asked for than then."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return summary if steps <= summary.get("steps_asked", summary["steps"]) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # none, or half of one: the power went as it was written


def diverged(summary: Mapping[str, Any]) -> str:
    """The verdict of a run that diverged, by its summary; empty for any other."""
    verdict = str(summary.get("health", ""))
    return verdict if verdict.startswith("diverged") else ""


def write_failure(folder: Path, reason: str) -> None:
    """Leave word in a job's folder of why it failed; an empty reason takes an earlier word back."""
    folder.mkdir(parents=True, exist_ok=True)
    if reason:
        (folder / _FAILURE).write_text(f"{reason}\n", encoding="utf-8", errors="replace")
    else:
        (folder / _FAILURE).unlink(missing_ok=True)


def read_failure(folder: Path) -> str:
    """Why the job of a folder failed; empty where it did not."""
    path = folder / _FAILURE
    if not path.is_file():
        return ""
    return path.read_text(encoding="utf-8", errors="replace").strip() or "no reason recorded"


def latest(words: Iterable[str]) -> list[str]:
    """The words of a command line, each key once: a later word replaces an earlier one."""
    found: dict[str, str] = {}
    for word in words:
        key = word.partition("=")[0].lstrip("+")
        sign = found.get(key, word)  # what was added must be added still
        found[key] = sign[: len(sign) - len(sign.lstrip("+"))] + word.lstrip("+")
    return list(found.values())


def reproduce_command(words: Iterable[str]) -> str:
    """The command that trains again, elsewhere, what these overrides trained, for a POSIX shell."""
    kept = [word for word in latest(words) if word.partition("=")[0].lstrip("+") not in _LEADING]
    return shlex.join(["python", "train.py", *kept])
