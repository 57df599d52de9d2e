"""Folders of runs and of a sweep's jobs: their names, and which of them are refused."""

import hashlib
import inspect
import os
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from gan_zoo.run_folder import has_run, has_sweep, newest_step
from gan_zoo.schema import ConfigError

ONLY_JOB = "run"  # folder of the job of a sweep that sweeps over nothing
_MAX_BYTES = 255  # of a file name
_DEPTHS = ("*/", "*/*/", "*/*/*/")  # at which outputs/ holds runs
_BY_NUMBER = f"type {shlex.quote('hydra.sweep.subdir=${hydra.job.num}')}"
_GROUP = re.compile(r"((?:^|(?<=,))[+~]{0,2}[A-Za-z_]\w*(?:/[A-Za-z_]\w*)+(?:@[\w.]+)?=)")
_RELATIVE = re.compile(r"(?<![^=,'\"\[])(?:~?/|\.{1,2}/)+")  # how a path begins: ../../ or /


def folder_name(overrides: str) -> str:
    """Return a name of at most 255 bytes for the folder of a job with these overrides.

    Ordinary overrides are the name. Slashes and dots of paths are replaced or dropped. A name that
    differs from the overrides ends in a hash of them, and so is unique. The slash of a group of
    configurations makes a folder: loss/divergence=kl.
    """
    texts = _GROUP.split(overrides)
    texts[::2] = [_flat(text) for text in texts[::2]]
    parts = "".join(texts).split("/")
    if "".join(texts) == overrides and all(len(part.encode()) <= _MAX_BYTES for part in parts):
        return overrides
    code = hashlib.sha256(overrides.encode(errors="surrogateescape")).hexdigest()[:8]
    parents = [_cut(part, _MAX_BYTES) for part in parts[:-1]]
    return "/".join([*parents, f"{_cut(parts[-1], _MAX_BYTES - 9)}-{code}"])


def _flat(text: str) -> str:
    flat = re.sub(r"/(?:\.{1,2}/)*", "_", _RELATIVE.sub("", text))
    return "".join(c if c.isprintable() else "_" for c in flat)


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


_old = "replace" not in inspect.signature(OmegaConf.register_resolver).parameters  # before 2.4
_register = OmegaConf.register_new_resolver if _old else OmegaConf.register_resolver
_register("folder_name", folder_name, replace=True)


def job_folder(sweep: Path, name: str) -> Path:
    """Return a job's folder in its sweep's. Raises ConfigError for a name no folder can have."""
    folder = sweep / name
    if not folder.is_relative_to(sweep) or ".." in folder.relative_to(sweep).parts:
        raise ConfigError("hydra.sweep.subdir", name, "leads out of the sweep's folder")
    _refuse_long("hydra.sweep.dir", sweep, "give the sweep a shorter name")
    _refuse_long("hydra.sweep.subdir", Path(name), _BY_NUMBER)
    return folder


def _refuse_long(key: str, path: Path, remedy: str) -> None:
    """Raises ConfigError for a path with a name that no folder can have."""
    for part in path.parts:
        if len(os.fsencode(part)) > _MAX_BYTES:
            allowed = f"is longer than the {_MAX_BYTES} bytes that a folder's name can have"
            raise ConfigError(key, part, f"{allowed}; {remedy}")


def check_run_folder(folder: Path, resumed: bool, key: str = "hydra.run.dir") -> None:
    """Check the folder of a single run, which was given as a setting with this key.

    Raises ConfigError for an impossible name, a folder with a run that is not resumed, and a new
    run in a folder of other runs, where reports would not find all.
    """
    _refuse_long(key, folder, "give the run's folder a shorter name")
    if has_run(folder):
        if resumed:
            return
        found = newest_step(folder) is not None
        effect = "continues it" if found else "starts it again, for it has no checkpoint"
        raise ConfigError(key, folder, f"already contains a run; resume=auto {effect}")
    if has_sweep(folder):
        raise ConfigError(key, folder, "is the folder of a sweep; name a folder in it")
    _refuse_inside_run(key, folder)
    if any(next(folder.glob(f"{depth}metrics.jsonl"), None) for depth in _DEPTHS):
        raise ConfigError(key, folder, "holds folders of runs; name a folder in it")


def _refuse_inside_run(key: str, folder: Path) -> None:
    """Raises ConfigError for a folder inside a run's."""
    for parent in folder.absolute().parents:
        if has_run(parent):
            raise ConfigError(key, folder, f"lies inside a run's folder: {parent}")


def check_resumed_folder(folder: Path, resume: str, resumed: Path, key: str) -> None:
    """Raise ConfigError if a folder, given as a setting with this key, is not the resumed run's."""
    if folder.resolve() != resumed.resolve():
        raise ConfigError(key, folder, f"resume={resume} trains in {resumed}: omit one of them")


def check_job_folders(sweep: Path, jobs: Sequence[Path]) -> None:
    """Raises ConfigError for a sweep's folder that is a run's, or inside one.

    Also for a job's folder that is the sweep's or another job's, or inside it.
    """
    if has_run(sweep):
        raise ConfigError("hydra.sweep.dir", sweep, "already contains a run; name another folder")
    _refuse_inside_run("hydra.sweep.dir", sweep)
    key, count = "hydra.sweep.subdir", Counter(jobs)
    for job in jobs:
        name = job.relative_to(sweep)
        if job == sweep:
            raise ConfigError(key, name, "is the folder of the sweep; give each job a name")
        if count[job] > 1:
            raise ConfigError(key, name, f"is the folder of {count[job]} jobs; {_BY_NUMBER}")
        outer = next((parent for parent in job.parents if parent in count), None)
        if outer is not None:
            allowed = f"lies inside the folder of another job, {outer.relative_to(sweep)}"
            raise ConfigError(key, name, allowed)
