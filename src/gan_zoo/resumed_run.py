"""A run that is resumed: what may change, and what is set aside. No torch, no Hydra."""

import itertools
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_zoo.run_folder import finished_summary, newest_step
from gan_zoo.schema import ConfigError, at_home
from gan_zoo.setting_keys import DATA_ACCESS, DATA_ROOT, flatten

log = logging.getLogger(__name__)

# A resumed run may be longer, log and evaluate at other steps, use other devices, and read the same
# data in another way.
RESUMABLE_KEYS = {
    *("steps", "log_every", "min_log_interval", "sample_every", "checkpoint_every"),
    *("evaluate_every", "device", "devices", "threads", "deterministic"),
    *("resume", "allow_changes", "sweep", "retry_failed", "stack"),
    *(f"evaluation.{name}" for name in ("num_samples", "seed", "metrics", "monitor", "cache")),
    *DATA_ACCESS,
}
# of a step: the grid of samples, and the pictures of an evaluation
_PICTURE = re.compile(r"(?:(?:landscape|nearest)-)?(\d{6}|[1-9]\d{6,})\.png", re.ASCII)


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
