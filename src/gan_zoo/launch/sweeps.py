"""Sweeps: the words that one began with, and the folders of its jobs."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from gan_zoo import latest_sweep
from gan_zoo.launch.folder_names import BY_NUMBER
from gan_zoo.launch.overrides import as_typed, text_of
from gan_zoo.run_folder import has_run
from gan_zoo.schema import ConfigError

SWEEPS = Path("outputs/sweeps")
ONLY_JOB = "run"  # folder of the job of a sweep that sweeps over nothing
_NEWEST = ("resume", latest_sweep.LATEST)  # words for the newest sweep
_ONCE = ("sweep", "retry_failed", "allow_changes")  # of one command, not of the sweep
_MULTIRUN = ("-m", "--multirun", "hydra.mode=MULTIRUN")
_DEPTHS = ("*/", "*/*/", "*/*/*/")  # at which outputs/ holds runs
# Words of Hydra's own that are taken from a sweep's folder, which may come from anyone.
_OF_HYDRA = re.compile(
    r"hydra/launcher=\w+|hydra\.launcher\.[a-z]\w*=[\w.-]*|hydra\.sweep\.subdir=.*"
)


def resolve_sweep(words: Sequence[str]) -> list[str]:
    """The words of a command line; where they name a sweep that exists, with those it began with.

    Not where they sweep over something themselves: then they define the sweep. Raises ConfigError
    where there is no sweep to continue, or where a word gives one value to what that sweeps over.
    """
    given = [word for word in words if word not in _MULTIRUN]
    name = next((text_of(word) for word in given[::-1] if word.startswith("sweep=")), "")
    if name in _NEWEST:
        name = newest(name).name
        typed = as_typed([f"sweep={name}"])[0]
        given = [typed if word.startswith("sweep=") else word for word in given]
    flags = [word for word in words if word in _MULTIRUN]
    folder = SWEEPS / name
    begun = name and Path(name).name == name and (folder / "multirun.yaml").is_file()
    if not begun or any(key_of(word) == "hydra.sweep.dir" or sweeps(word) for word in given):
        return [*flags, *given]
    if not flags and any(key_of(word) in ("resume", "hydra.run.dir") for word in given):
        return given  # a single run
    return ["-m", *_merged(stored(folder), given, folder)]


def newest(word: str) -> Path:
    """The folder of the sweep that was started last. Raises ConfigError where there is none."""
    named = latest_sweep.named(SWEEPS)
    if named and (named / "multirun.yaml").is_file():
        return named
    found = [path.parent for path in SWEEPS.glob("*/multirun.yaml")]
    if not found:
        raise ConfigError("sweep", word, f"there is no sweep in {SWEEPS} to finish")
    return max(found, key=lambda path: path.stat().st_mtime).resolve()


def stored(folder: Path) -> list[str]:
    """The words that a sweep was last started with. Raises ConfigError where there are none."""
    again = f"give the words of the sweep again: -m KEY=A,B sweep={folder.name}"
    try:
        overrides = OmegaConf.to_container(OmegaConf.load(folder / "multirun.yaml").hydra.overrides)
        task, hydra = ([str(word) for word in overrides[part]] for part in ("task", "hydra"))
    except Exception:  # bytes that anyone may have written
        raise ConfigError("sweep", folder, f"multirun.yaml cannot be read; {again}") from None
    ours = [word for word in task if not key_of(word).startswith("hydra")]
    kept = [word for word in ours if key_of(word) not in _ONCE]
    if not kept and not (folder / ONLY_JOB).is_dir():
        raise ConfigError("sweep", folder, f"multirun.yaml holds no words; {again}")
    return [*[word for word in hydra if _OF_HYDRA.fullmatch(word)], *kept]


def _merged(stored: Sequence[str], given: Sequence[str], folder: Path) -> list[str]:
    """Stored words, those given now instead of those of equal key."""
    keys = {key_of(word) for word in given}
    for word in stored:
        if key_of(word) in keys and sweeps(word):
            allowed = f"sweep {folder.name} is over {word}: give all words of the sweep, or none"
            raise ConfigError(key_of(word), _value(given, key_of(word)), allowed)
    return [*[word for word in stored if key_of(word) not in keys], *given]


def _value(words: Iterable[str], key: str) -> str:
    return next(word.partition("=")[2] for word in words if key_of(word) == key)


def key_of(word: str) -> str:
    """The key that a word of the command line is about."""
    return word.partition("=")[0].lstrip("+~")


def sweeps(word: str) -> bool:
    """Whether a word gives several values; one that Hydra does not understand gives none."""
    try:
        return OverridesParser.create().parse_override(word).is_sweep_override()
    except HydraException:
        return False


def check_place(folder: Path) -> None:
    """Raises ConfigError for a new run in a folder of other runs: reports would not find all."""
    key = "hydra.run.dir"
    if (folder / "multirun.yaml").exists():
        raise ConfigError(key, folder, "is the folder of a sweep; name a folder in it")
    for parent in folder.absolute().parents:
        if has_run(parent):
            raise ConfigError(key, folder, f"lies inside a run's folder: {parent}")
    if any(next(folder.glob(f"{depth}metrics.jsonl"), None) for depth in _DEPTHS):
        raise ConfigError(key, folder, "holds folders of runs; name a folder in it")


def check_apart(sweep: Path, jobs: Sequence[Path]) -> None:
    """Raises ConfigError for a job's folder that is the sweep's or another job's, or inside it."""
    key, seen = "hydra.sweep.subdir", Counter(jobs)
    for job in jobs:
        name = job.relative_to(sweep)
        if job == sweep:
            raise ConfigError(key, name, "is the folder of the sweep; give each job a name")
        if seen[job] > 1:
            raise ConfigError(key, name, f"is the folder of {seen[job]} jobs; {BY_NUMBER}")
        outer = next((parent for parent in job.parents if parent in seen), None)
        if outer is not None:
            allowed = f"lies inside the folder of another job, {outer.relative_to(sweep)}"
            raise ConfigError(key, name, allowed)
