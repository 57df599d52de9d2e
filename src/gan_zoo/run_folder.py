"""A run's folder: what a resumed run may change, and how far the run is. No torch, no Hydra."""

import itertools
import json
import logging
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gan_zoo.atomic_write import write_text
from gan_zoo.command_line import from_here, program
from gan_zoo.latest_sweep import resolve
from gan_zoo.schema import ConfigError, at_home

log = logging.getLogger(__name__)

DATA_ROOT = "dataset.root"
# how the data below the root are read, which changes no batch
DATA_ACCESS = ("dataset.download", "dataset.cache", "dataset.on_device", "dataset.workers")
# A resumed run may be longer, log and evaluate at other steps, use other devices, and read the same
# data in another way.
RESUMABLE_KEYS = {
    *(
        "steps",
        "log_every",
        "min_log_interval",
        "sample_every",
        "checkpoint_every",
        "evaluate_every",
    ),
    *("device", "devices", "threads", "deterministic"),
    *("resume", "allow_changes", "sweep", "retry_failed", "stack"),
    *(f"evaluation.{name}" for name in ("num_samples", "seed", "metrics", "monitor", "cache")),
    *DATA_ACCESS,
}
FOLDER_KEYS = ("resume", "allow_changes", "sweep", "retry_failed")  # about existing folders
SWEEP_FILE = "multirun.yaml"  # the words that Hydra started a sweep with
_FAILURE = "failure.txt"
# of a step: the grid of samples, and the pictures of an evaluation
_PICTURE = re.compile(r"(?:(?:landscape|nearest)-)?(\d{6}|[1-9]\d{6,})\.png", re.ASCII)


def flatten(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of a nested mapping."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def check_unchanged(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise ConfigError for the first changed setting that a resumed run must not change.

    Data may be moved: for another root, `refuse_other_data` is to be called.
    """
    if now.get("allow_changes"):
        return
    old, new = dict(flatten(before)), dict(flatten(now))
    for key in changed_keys(before, now):
        if key != DATA_ROOT:
            allowed = f"was {old.get(key)} in the run to resume; allow_changes=true permits it"
            raise ConfigError(key, new.get(key), allowed)


def changed_keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the keys of changed settings that a resumed run must not change."""
    old, new = dict(flatten(before)), dict(flatten(now))
    keys = (key for key in dict.fromkeys((*new, *old)) if key not in RESUMABLE_KEYS)
    return [key for key in keys if old.get(key) != new.get(key)]


def check_root(dataset: Mapping[str, Any]) -> None:
    """Raise ConfigError where the data of a run to resume or to evaluate is not at its root.

    Datasets themselves would suggest others, which such a run cannot have.
    """
    root = dataset.get("root")
    if root and not dataset.get("download") and not Path(at_home(root)).exists():
        allowed = f"does not exist here; type {DATA_ROOT}=PATH, where the data of the run is now"
        raise ConfigError(DATA_ROOT, root, allowed)


def check_length(folder: Path, steps: int, resume: str | None) -> None:
    """Raise ConfigError for fewer steps than a run to resume has made already.

    A finished run is no longer resumed, unless from the checkpoint that `resume` names.
    """
    checkpoint = Path(resume or "")
    if checkpoint.suffix == ".pt":
        made = int(checkpoint.stem) if checkpoint.stem.isdecimal() else 0
    else:
        made = 0 if finished_summary(folder, steps) else newest_step(folder) or 0
    check_step(made, steps)


def check_step(made: int, steps: int) -> None:
    """Raise ConfigError for fewer steps than a run has made."""
    if steps < made:
        raise ConfigError("steps", steps, f"the run is at step {made} already: give at least that")


def refuse_other_data(before: Mapping[str, Any], now: str, key: str, value: str) -> None:
    """Raise ConfigError for `key` if a checkpoint was trained on other data than `now`.

    before: the checkpoint's content; now: fingerprint of the dataset.
    """
    old = before.get("dataset_fingerprint", now)
    if old != now:
        allowed = f"contains other data ({now}) than the run to resume was trained on ({old})"
        raise ConfigError(key, value, f"{allowed}; allow_changes=true permits it")


def data_history(before: Mapping[str, Any], now: str) -> dict[str, Any]:
    """Return the data's fingerprint for checkpoint and summary, and earlier ones if any.

    before: content of the checkpoint that the run resumes from; empty for a new run.
    """
    old = before.get("dataset_fingerprint", now)
    history = list(before.get("dataset_history", ()))
    if old != now:
        history = history or [{"fingerprint": old, "from_step": 0}]
        history.append({"fingerprint": now, "from_step": before["step"]})
    return {"dataset_fingerprint": now, **({"dataset_history": history} if history else {})}


def set_aside_files(folder: Path) -> None:
    """Rename what a run without a checkpoint has written, and log a warning with the new names."""
    renamed = [_set_aside(folder / name) for name in ("metrics.jsonl", "summary.json")]
    if names := ", ".join(path.name for path in renamed if path):
        log.warning(
            "%s has no checkpoint: starting from step 0; old files are kept as %s", folder, names
        )


def set_aside_results(folder: Path, steps: int) -> None:
    """Rename the evaluation of a run that is trained further, which would hide newer values.

    steps: to which it is trained; a summary of that many, as of a run that is resumed from before
    its end, would say that it is done.
    """
    found = {"evaluation": "evaluation.json"}
    if finished_summary(folder, steps) is not None:
        found["summary"] = "summary.json"
    for name, file in found.items():
        if renamed := _set_aside(folder / file):
            log.info("the earlier %s is kept as %s", name, renamed)


def delete_pictures_after(folder: Path, step: int) -> None:
    """Delete pictures of samples of later steps, which training will make again.

    Other pictures, such as holiday-2024.png, are the user's own.
    """
    for path in folder.glob("samples/*.png"):
        made_at = _PICTURE.fullmatch(path.name)
        if made_at and int(made_at[1]) > step:
            path.unlink()


def _set_aside(path: Path) -> Path | None:
    """Rename a file unless it is empty; returns its new path, None if there is no such file."""
    if not path.exists() or not path.stat().st_size:
        return None
    names = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
    return path.rename(next(name for name in names if not name.exists()))


def folder_of(path: Path) -> Path:
    """Return the folder of a run, given it or a checkpoint in it; it need not exist."""
    path = resolve(Path(at_home(str(path))))
    return path.parent.parent if path.suffix == ".pt" else path


def run_folder(path: Path) -> Path:
    """Return the folder of an existing run, given it or a checkpoint in it. Raises ConfigError."""
    folder = folder_of(path)
    resolved = resolve(Path(at_home(str(path))))
    if not resolved.exists() or not (folder / ".hydra" / "config.yaml").is_file():
        allowed = f"must be the folder of a run, or a checkpoint in one{run_above(resolved)}"
        raise ConfigError("resume", path, allowed)
    return folder


def run_above(path: Path) -> str:
    """Return what to name instead of a path below a run's folder; empty for any other."""
    for parent in path.parents[:2]:  # of a file in checkpoints/
        if (parent / ".hydra" / "config.yaml").is_file():
            return f"; name the run's folder, {parent}"
    return ""


def folders_below(roots: Iterable[Path]) -> Iterator[Path]:
    """Yield folders and all folders below them, each once, also behind links to elsewhere."""
    seen: set[str] = set()
    waiting = [root.resolve() for root in roots]
    for start in waiting:  # grows: links come last, so that a folder has its own name
        for name, folders, _ in os.walk(start):
            place, real = Path(name), os.path.realpath(name)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            yield place
            links = (place / below for below in folders if (place / below).is_symlink())
            waiting += [link for link in links if not Path(real).is_relative_to(link.resolve())]


def has_sweep(folder: Path) -> bool:
    """Return whether a folder is that of a sweep."""
    return (folder / SWEEP_FILE).is_file()


def sweep_of(run: Path) -> Path:
    """Return the folder of a run's sweep, at any depth; of a run without one, the folder above."""
    return next((folder for folder in run.parents if has_sweep(folder)), run.parent)


def has_run(folder: Path) -> bool:
    """Return whether a run has begun to write into a folder."""
    return (folder / "metrics.jsonl").exists()


def newest_step(folder: Path) -> int | None:
    """Return the step of the newest checkpoint of a run's folder; None if there is none."""
    return max(checkpoint_steps(folder), default=None)


def checkpoint_steps(folder: Path) -> set[int]:
    """Return the steps of the checkpoints of a run's folder."""
    return {int(path.stem) for path in step_files(folder / "checkpoints", ".pt")}


def step_files(folder: Path, suffix: str) -> list[Path]:
    """Return the files of a folder whose whole name is a step, such as 00005000.pt, oldest first.

    Others, such as 00005000-keep.pt, are the user's own. Names sort as text only up to a length.
    """
    found = (path for path in folder.glob(f"*{suffix}") if path.stem.isdecimal())
    return sorted(found, key=lambda path: int(path.stem))


def resume_hint(folder: Path) -> str:
    """Return the command that resumes the run of a folder; empty if none has begun there."""
    if not has_run(folder):
        return ""
    step = newest_step(folder)
    found = "starts again: it has no checkpoint" if step is None else f"continues from step {step}"
    return f"{from_here('train.py', f'resume={folder}')} {found}"


def finished_summary(folder: Path, steps: int) -> dict[str, Any] | None:
    """Return the summary of a run that has finished and is not to be longer; None for others."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return summary if steps <= summary.get("steps_asked", summary["steps"]) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # no summary, or a partial one after a power failure


def diverged(summary: Mapping[str, Any]) -> str:
    """Return the health status of a run that diverged, by its summary; empty for any other."""
    status = str(summary.get("health", ""))
    return status if status.startswith("diverged") else ""


def write_failure(folder: Path, reason: str) -> None:
    """Write failure.txt; an empty reason deletes it."""
    folder.mkdir(parents=True, exist_ok=True)
    if reason:
        write_text(folder / _FAILURE, f"{reason}\n")
    else:
        (folder / _FAILURE).unlink(missing_ok=True)


def read_failure(folder: Path) -> str:
    """Return why the job of a folder failed; empty if it did not."""
    path = folder / _FAILURE
    if not path.is_file():
        return ""
    return path.read_text(encoding="utf-8", errors="replace").strip() or "no reason recorded"


def key_of(word: str) -> str:
    """Return the key that a word of the command line sets."""
    return word.partition("=")[0].lstrip("+~")


def latest(words: Iterable[str]) -> list[str]:
    """Return the overrides of a command line, only the last one of each key."""
    found: dict[str, str] = {}
    for word in words:
        key = word.partition("=")[0].lstrip("+")
        first = found.get(key, word)  # a + in front of it must stay
        found[key] = first[: len(first) - len(first.lstrip("+"))] + word.lstrip("+")
    return list(found.values())


def reproduce_command(words: Iterable[str]) -> str:
    """Return the command that repeats a run with these overrides, for a POSIX shell."""
    kept = [w for w in latest(words) if key_of(w) not in FOLDER_KEYS]
    return f"{program('train.py')} {shlex.join(kept)}".rstrip()
