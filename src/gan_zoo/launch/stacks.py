"""Which jobs of a sweep are trained as one model, a stack."""

import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from gan_zoo.launch.hydra_config import overrides_of, writable
from gan_zoo.launch.job_folders import job_folder
from gan_zoo.launch.replaced_choices import drop_settings_of_replaced
from gan_zoo.launch.stack_job import resumable_steps
from gan_zoo.report.number_format import counted
from gan_zoo.run_folder import has_settings
from gan_zoo.schema import ConfigError
from gan_zoo.setting_keys import FOLDER_KEYS, flatten

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment

_LAUNCHERS = ("basic", "joblib")
# settings whose numbers may differ
_VARIED = re.compile(r"loss\.(?!divergence)|regularizer\.|optimizer\.(\w+\.)?lr$")
_REASONS = {
    "devices": "devices=N trains each of them on several devices",
    "labels": "dataset.labels_per_class hides labels",
    "large": "only small networks and batches are faster as a stack; stack=N stacks others, too",
    "device": "stacks were measured on CPU and CUDA only; stack=N stacks on others, too",
    "few": "so few steps of so few jobs are not faster as a stack; stack=N stacks them, too",
    "single": "no other is equal but for seed, learning rates, and numbers of loss and regularizer",
}


@dataclasses.dataclass(frozen=True)
class StackedJob:
    """A job of a stack, of which any process can compose its configuration.

    Attributes:
        number: in Hydra's order.
        words: its overrides.
        folder: an absolute path.
    """

    number: int
    words: tuple[str, ...]
    folder: Path


@dataclasses.dataclass(frozen=True)
class Stack:
    """Jobs that are trained as one model, once Hydra starts the first of them.

    Attributes:
        step: from which they are resumed; 0 for new ones.
    """

    jobs: tuple[StackedJob, ...]
    step: int


@dataclasses.dataclass(frozen=True)
class Stacks:
    """The stacks of a sweep.

    Attributes:
        of_first: each stack, by the folder of its first job.
        others: folders of all other jobs in stacks.
    """

    of_first: Mapping[Path, Stack] = dataclasses.field(default_factory=dict)
    others: frozenset[Path] = frozenset()

    def of_job(self, config: DictConfig, folder: Path) -> "ComposedStack | None":
        """Return the stack to train when Hydra calls a job of this configuration and folder.

        It has no jobs if the job is not the first of its stack; None for a job alone.
        """
        if folder in self.of_first:
            return compose_stack(config, self.of_first[folder])
        return ComposedStack() if folder in self.others else None


def check_stack(config: DictConfig) -> None:
    """Raise ConfigError for stacks with a launcher whose jobs cannot wait for each other."""
    launcher = config.hydra.runtime.choices["hydra/launcher"]
    if config.stack != "off" and launcher not in _LAUNCHERS:
        allowed = f"needs hydra/launcher={' or '.join(_LAUNCHERS)}; this sweep has {launcher}"
        raise ConfigError("stack", config.stack, allowed)


def plan_stacks(
    jobs: Sequence[tuple[StackedJob, "Experiment"]], workers: int, cores: int
) -> tuple[Stacks, list[str]]:
    """Group the jobs of a sweep that are still to be trained.

    workers: processes that train at once; cores: of the machine. Returns also lines that say why
    jobs are trained alone.
    """
    groups: dict[str, list[tuple[StackedJob, Experiment]]] = {}
    alone: Counter[str] = Counter()
    for job, experiment in jobs:
        if experiment.settings.stack in ("off", 1):
            continue
        if reason := _why_alone(experiment):
            alone[reason] += 1
        else:
            groups.setdefault(_key(experiment), []).append((job, experiment))
    stacks = []
    for group in groups.values():
        setting = group[0][1].settings.stack
        most = _most_jobs(group[0][1], cores // workers) if setting == "auto" else setting
        for step, members in _by_step(group).items():
            if len(members) == 1:
                alone[_REASONS["single"]] += 1
                continue
            parts = list(_parts(members, most, workers))
            if setting == "auto" and not _is_faster(group[0][1], len(parts[0]), workers):
                alone[_REASONS["few"]] += len(members)
            else:
                stacks += [Stack(part, step) for part in parts]
    followers = [job.folder for stack in stacks for job in stack.jobs[1:]]
    lines = [f"{counted(n, 'job')} trained alone: {reason}" for reason, n in alone.items()]
    found = Stacks({stack.jobs[0].folder: stack for stack in stacks}, frozenset(followers))
    return found, lines


def _by_step(
    group: Sequence[tuple[StackedJob, "Experiment"]],
) -> dict[int, list[StackedJob]]:
    """Return the jobs of a group by the step from which they go on.

    If the sweep was killed while the runs of a stack saved, their newest checkpoints differ: then
    all of them resume from the newest step that each has saved. Jobs that no stack has begun take
    no part in this: they would put the others back to their start.
    """
    steps = {job: resumable_steps(job.folder, own.settings) for job, own in group}
    begun = [own for job, own in steps.items() if own != {0} or has_settings(job.folder)]
    common = set.intersection(*begun) if begun else {0}
    found: dict[int, list[StackedJob]] = {}
    for job, own in steps.items():
        found.setdefault(max(common & own or own), []).append(job)
    return found


def _parts(jobs: Sequence[StackedJob], most: int, workers: int) -> Iterator[tuple[StackedJob, ...]]:
    """Divide jobs into parts of at most so many and about equal size, as many for each worker.

    Every part begins with one of the first jobs, so that all workers train from the start.
    """
    count = math.ceil(len(jobs) / most)
    count = max(count, min(len(jobs) // 2, math.ceil(count / workers) * workers))
    for part in range(count):
        yield tuple(jobs[part::count])


def _key(experiment: "Experiment") -> str:
    """Return a text that is equal for jobs that can be stacked."""
    compared = {}
    for key, value in flatten(experiment.config):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if key not in ("seed", *FOLDER_KEYS):
            compared[key] = "a number" if number and _VARIED.match(key) else value
    return json.dumps(compared, sort_keys=True, default=str)


def _why_alone(experiment: "Experiment") -> str:
    """Return why a job is not stacked, whatever the others are; empty if it may be."""
    settings = experiment.settings
    if settings.devices > 1:
        return _REASONS["devices"]
    if experiment.dataset.labels_per_class is not None:
        return _REASONS["labels"]
    if settings.stack != "auto":
        return ""
    from gan_zoo.compatibility import networks_without_values  # imports torch
    from gan_zoo.training.stack.cost import is_measured, is_small

    device = experiment.device().type
    if not is_measured(device):
        return _REASONS["device"]
    networks = networks_without_values(experiment)
    small = networks is not None and is_small(*networks, settings.batch_size, device)
    return "" if small else _REASONS["large"]


def _most_jobs(experiment: "Experiment", cores: int) -> int:
    """Return how many jobs to stack at most. cores: of each process that trains."""
    from gan_zoo.training.stack.cost import most_runs  # imports torch

    return most_runs(experiment.device().type, cores)


def _is_faster(experiment: "Experiment", runs: int, workers: int) -> bool:
    from gan_zoo.compatibility import networks_without_values  # imports torch
    from gan_zoo.training.stack.cost import is_faster, products

    networks, settings = networks_without_values(experiment), experiment.settings
    assert networks  # else `_why_alone` names a reason
    count, device = products(*networks, settings.batch_size), experiment.device().type
    return is_faster(count, device, settings.compile, runs, settings.steps, workers)


def compose_job(config: DictConfig, words: Sequence[str], number: int) -> tuple[DictConfig, Path]:
    """Compose the configuration of one job of a sweep, and return it with its folder.

    config: of the sweep, or of any of its jobs.
    """
    own = [*overrides_of(config, "hydra"), f"hydra.job.num={number}"]
    full = compose("train", [*own, *words], return_hydra_config=True)
    drop_settings_of_replaced(full, full.hydra)
    OmegaConf.copy_cache(config, full)  # the time of ${now:}, as Hydra does for jobs
    return full, job_folder(Path(config.hydra.sweep.dir), str(full.hydra.sweep.subdir))


@dataclasses.dataclass(frozen=True)
class ComposedStack:
    """A stack whose jobs are composed as Hydra has them when it calls them.

    Attributes:
        jobs: configuration, with Hydra's own settings, and folder of each.
        step: from which they are resumed; 0 for new ones.
    """

    jobs: Sequence[tuple[DictConfig, Path]] = ()
    step: int = 0


def compose_stack(config: DictConfig, stack: Stack) -> ComposedStack:
    """Compose the jobs of a stack. config: of the first of them, which Hydra has called."""
    composed = []
    for job in stack.jobs:
        full, _ = compose_job(config, job.words, job.number)
        with writable(full):
            full.hydra.job.id = str(job.number)
            full.hydra.runtime.output_dir = str(job.folder)
        composed.append((full, job.folder))
    return ComposedStack(composed, stack.step)
