"""Finished runs in a sweep's folder that are not what its command asks for now."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gan_zoo.launch.hydra_config import load_config, to_dict
from gan_zoo.launch.sweep_progress import PlannedJob
from gan_zoo.run_folder import changed_keys
from gan_zoo.schema import ConfigError

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment

_MOST_NAMES = 3  # in a line


def trained_otherwise(
    sweep: Path, jobs: Sequence[PlannedJob], experiments: "Sequence[Experiment]"
) -> list[str]:
    """Return lines about finished jobs of other settings, and about jobs with finished twins.

    A job that has finished stays as it is, whatever allow_changes permits. A job whose folder was
    named otherwise, as by a sweep without `seed=`, is trained again.
    """
    lines = []
    given = list(zip(jobs, experiments, strict=True))
    for job, experiment in given:
        if experiment.settings.allow_changes and job.summary:
            before = _config(job.folder)
            if before and (changed := changed_keys(before, experiment.config)):
                keys = ", ".join(changed[:_MOST_NAMES])
                lines.append(f"{job.name} has finished with other values of {keys}, and keeps them")
    own = {job.folder for job in jobs}
    others = [path.parent.absolute() for path in sorted(sweep.glob("*/summary.json"))]
    found = [(folder, _config(folder)) for folder in others if folder not in own]
    twins = [
        f"{folder.name} as {job.name}"
        for folder, config in found
        for job, experiment in given
        if config and not job.summary and not changed_keys(config, experiment.config)
    ]
    if twins:
        more = f" and {len(twins) - _MOST_NAMES} more" if len(twins) > _MOST_NAMES else ""
        names = "; ".join(twins[:_MOST_NAMES])
        lines.append(f"trained already, and trained again under another name: {names}{more}")
    return lines


def _config(folder: Path) -> dict:
    """Return the settings of a run; {} where they cannot be read."""
    try:
        return to_dict(load_config(folder))
    except ConfigError:
        return {}
