"""Finished runs in a sweep's folder that are not what its command asks for now."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf.errors import OmegaConfBaseException

from gan_zoo.launch.hydra_config import load_config, to_dict
from gan_zoo.launch.sweep_progress import PlannedJob
from gan_zoo.printable import list_names
from gan_zoo.resumed_run import RESUMABLE_KEYS, changed_keys
from gan_zoo.run_folder import folders_below
from gan_zoo.schema import ConfigError
from gan_zoo.setting_keys import flatten

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment

_MOST = 3  # names in a line, and keys of each


def trained_otherwise(
    sweep: Path, jobs: Sequence[PlannedJob], experiments: "Sequence[Experiment]"
) -> list[str]:
    """Return lines about finished jobs of other settings, and about jobs with finished twins.

    A job that has finished stays as it is, whatever allow_changes permits. A job whose folder was
    named otherwise, as by a sweep without `seed=`, is trained again.
    """
    given = list(zip(jobs, experiments, strict=True))
    done = [(job, e) for job, e in given if job.summary and e.settings.allow_changes]
    changed = {job.name: changed_keys(_config(job.folder), e.config) for job, e in done}
    kept = [f"{name} ({', '.join(keys[:_MOST])})" for name, keys in changed.items() if keys]
    waiting = {_settings(e.config): job.name for job, e in given if not job.summary}
    own, root = {job.folder.resolve() for job in jobs}, sweep.resolve()
    found = (folder for folder in folders_below([sweep]) if (folder / "summary.json").is_file())
    others = sorted(folder for folder in found if folder.resolve() not in own)
    settings = {folder.relative_to(root): _settings(_config(folder)) for folder in others}
    twins = [f"{name} as {waiting[text]}" for name, text in settings.items() if text in waiting]
    return [
        *_line("finished with other values, and stay as they are", kept),
        *_line("trained already, and trained again under another name", twins),
    ]


def _line(title: str, names: Sequence[str]) -> list[str]:
    return [f"{title}: {list_names(names, _MOST, '; ')}"] if names else []


def _settings(config: Mapping[str, Any]) -> str:
    """Return text that is equal for runs that train the same."""
    found = {key: value for key, value in flatten(config) if key not in RESUMABLE_KEYS}
    return json.dumps(found, sort_keys=True, default=str)


def _config(folder: Path) -> dict[str, Any]:
    """Return the settings of a run; {} where they cannot be read."""
    try:
        return to_dict(load_config(folder))
    except (ConfigError, OmegaConfBaseException):  # bytes that anyone may have written
        return {}
