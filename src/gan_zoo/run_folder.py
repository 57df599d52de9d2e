"""A run's folder: what it contains, and how far the run is. No torch, no Hydra."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gan_zoo.atomic_write import write_text
from gan_zoo.command_line import from_here
from gan_zoo.latest_sweep import resolve
from gan_zoo.schema import ConfigError, at_home

SWEEP_FILE = "multirun.yaml"  # the words that Hydra started a sweep with
_FAILURE = "failure.txt"


def folder_of(path: Path) -> Path:
    """Return the folder of a run, given it or a checkpoint in it; it need not exist."""
    path = resolve(Path(at_home(str(path))))
    return path.parent.parent if path.suffix == ".pt" else path


def run_folder(path: Path) -> Path:
    """Return the folder of an existing run, given it or a checkpoint in it. Raises ConfigError."""
    folder = folder_of(path)
    resolved = resolve(Path(at_home(str(path))))
    if not resolved.exists() or not has_settings(folder):
        allowed = f"must be the folder of a run, or a checkpoint in one{run_above(resolved)}"
        raise ConfigError("resume", path, allowed)
    return folder


def run_above(path: Path) -> str:
    """Return what to name instead of a path below a run's folder; empty for any other."""
    for parent in path.parents[:2]:  # of a file in checkpoints/
        if has_settings(parent):
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


def has_settings(folder: Path) -> bool:
    """Return whether a folder contains the settings of a run, which may not have begun."""
    return (folder / ".hydra" / "config.yaml").is_file()


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
