"""Resume a run (`resume=FOLDER`) or a sweep (`sweep=NAME`) with the settings that it began with."""

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from gan_zoo import latest_sweep
from gan_zoo.command_line import from_here
from gan_zoo.launch.config_catalog import choices
from gan_zoo.launch.hydra_config import (
    load_choices,
    load_config,
    load_overrides,
    overrides_of,
)
from gan_zoo.launch.job_folders import ONLY_JOB, check_resumed_folder
from gan_zoo.launch.overrides import MULTIRUN, as_typed, is_sweep, unquoted_value, wants_sweep
from gan_zoo.run_folder import SWEEP_FILE, folder_of, has_sweep, run_folder
from gan_zoo.schema import ConfigError, near
from gan_zoo.setting_keys import FOLDER_KEYS, key_of, latest

SWEEPS = Path("outputs/sweeps")
NEWEST = ("resume", latest_sweep.LATEST)  # names for the newest sweep
_OF_ONE_COMMAND = ("sweep", "retry_failed", "allow_changes")  # not of the sweep
# Hydra's own settings that a sweep's folder, which may come from anyone, can bring
_LAUNCHER = r"hydra\.launcher(\.[a-z]\w*)+"  # the key of one of its settings
_WORKERS = r"\+\+hydra\.launcher\.n_jobs="  # as `set_worker_count` adds it, for that start only
_HARMLESS = re.compile(rf"(?!{_WORKERS})\+*{_LAUNCHER}=[^{{}}$]*")  # once somebody has typed it
_SAFE = re.compile(rf"hydra/launcher=\w+|{_LAUNCHER}=[\w.-]*|hydra\.sweep\.subdir=.*")
# a choice in a run's folder, also one for a part, as +regularizer@regularizer.parts.r1=r1
_CHOICE = re.compile(r"\+?(?P<group>[a-z_/]+)(@(?P=group)(\.\w+)+)?=(?P<name>\w+)")
_ABSENT = object()
_MOST_NAMES = 5  # of sweeps in a message


def prepare_overrides(words: Sequence[str]) -> list[str]:
    """Return the words of a command line as Hydra must get them: quoted, with saved choices."""
    return add_saved_choices(as_typed(words))


def add_saved_choices(words: Sequence[str]) -> list[str]:
    """Return the words of a command line, preceded by the choices of the run that they resume.

    Hydra composes before our callback runs: it must know the run's loss to accept `loss.slope`.
    Only choices that this program has are taken from a folder that may come from anyone.
    """
    named = [unquoted_value(word) for word in words if word.startswith("resume=")]
    given = {key_of(word) for word in words}
    if not named or wants_sweep(words):
        return list(words)
    known, saved = choices(), []
    for word in load_overrides(folder_of(Path(named[-1]))):
        found = None if key_of(word) in given else _CHOICE.fullmatch(word)
        if found and found["name"] in known.get(found["group"], ()):
            saved.append(word)
    return [*saved, *words]


def apply_resume(config: DictConfig) -> None:
    """If `resume` names a run, take its folder and its settings, except for what is given now.

    Raises ConfigError for a setting that the resumed run or this program does not have: a saved
    configuration may come from anyone, and must not reach Hydra's own settings. Raises it as well
    where another folder is typed.
    """
    if config.resume in (None, "auto"):
        return
    folder = _run_folder(Path(config.resume))
    if "hydra.run.dir" in map(key_of, overrides_of(config, "hydra")):
        typed = Path(config.hydra.run.dir)
        check_resumed_folder(typed, config.resume, folder, key="hydra.run.dir")
    saved = load_config(folder)
    for key in saved:
        if key not in config or key == "hydra":
            raise ConfigError("resume", folder, f"has a setting that no run can have: {key}")
        if key == "sweep" or key not in FOLDER_KEYS:  # the others are of one command
            config[key] = saved[key]
    saved_words, saved_choices = load_overrides(folder), load_choices(folder)
    given = []
    for override in OverridesParser.create().parse_overrides(overrides_of(config, "task")):
        key = override.key_or_group
        value = OmegaConf.select(config, key, default=_ABSENT)
        is_choice = value is _ABSENT or isinstance(value, DictConfig)
        name = key_of(str(override.input_line))  # with the part that a choice is for
        chosen = saved_choices.get(name)
        if is_choice and (override.input_line in saved_words or override.value() == chosen):
            continue  # the run was started with it; see `add_saved_choices`
        if is_choice:
            changed = f"was {chosen} in the run to resume, and cannot change"
            allowed = changed if chosen else "is no setting of the run to resume"
            raise ConfigError(name, override.value(), allowed)
        OmegaConf.update(config, key, override.value())
        given.append(override.input_line)
    config.hydra.run.dir = str(folder)
    config.hydra.overrides.task = latest([*saved_words, *given])


def _run_folder(path: Path) -> Path:
    """Return the folder of the run to resume. Raises ConfigError, for a sweep with what to type."""
    folder = folder_of(path)
    if not has_sweep(folder):
        return run_folder(path)
    if folder.resolve() == (SWEEPS / folder.name).resolve():
        remedy = f"{from_here('train.py', f'sweep={folder.name}')} resumes it"
    else:
        remedy = f"choose one of its runs, or sweep=NAME for a sweep in {SWEEPS}"
    raise ConfigError("resume", path, f"must be the folder of a run; this is a sweep: {remedy}")


def resolve_sweep(words: Sequence[str]) -> list[str]:
    """Return the words of a command line; if they name an existing sweep, with its own words.

    Words that sweep over something define a sweep, and are returned as they are. Raises ConfigError
    where there is no sweep to resume and no word to start one with, or a word gives one value to
    what that sweeps over.
    """
    given = [word for word in words if word not in MULTIRUN]
    name = next((unquoted_value(word) for word in given[::-1] if word.startswith("sweep=")), "")
    if name in NEWEST:
        name = newest_sweep(name).name
        typed = as_typed([f"sweep={name}"])[0]
        given = [typed if word.startswith("sweep=") else word for word in given]
    flags = [word for word in words if word in MULTIRUN]
    folder = SWEEPS / name
    valid = name and Path(name).name == name
    if not valid or any(key_of(word) == "hydra.sweep.dir" or is_sweep(word) for word in given):
        return [*flags, *given]
    if not flags and any(key_of(word) in ("resume", "hydra.run.dir") for word in given):
        return given  # a single run
    if has_sweep(folder):
        return ["-m", *_merged(_saved_words(folder), given, folder)]
    if not flags or all(key_of(word) in _OF_ONE_COMMAND for word in given):
        raise ConfigError("sweep", name, _no_sweep(name))
    return [*flags, *given]


def _no_sweep(name: str) -> str:
    """Describe that no sweep has this name: the most similar existing names, or the newest."""
    found = sorted(SWEEPS.glob("*/multirun.yaml"), key=_start_time, reverse=True)
    names = [path.parent.name for path in found]
    names = list(dict.fromkeys([*near(name, names), *names]))
    shown = [*names[:_MOST_NAMES], *(["..."] if names[_MOST_NAMES:] else [])]
    start = shlex.join(["-m", "KEY=A,B", f"sweep={name}"])
    return (
        f"there is no sweep {name} in {SWEEPS} (existing: {', '.join(shown) or 'none'}); "
        f"{start} starts a new one"
    )


def _start_time(path: Path) -> float:
    return path.stat().st_mtime


def newest_sweep(word: str) -> Path:
    """Return the folder of the sweep started last. Raises ConfigError where there is none."""
    named = latest_sweep.named(SWEEPS)
    if named and has_sweep(named):
        return named
    folders = (path.parent for path in SWEEPS.glob("*/multirun.yaml"))
    # LATEST may be a link to one; a sweep that is a link, as to a larger disk, keeps its own name
    found = [folder for folder in folders if folder.name != latest_sweep.LATEST]
    if not found:
        raise ConfigError("sweep", word, f"there is no sweep in {SWEEPS} to resume")
    return max(found, key=_start_time)


def _saved_words(folder: Path) -> list[str]:
    """Load the words that a sweep was last started with. Raises ConfigError for none."""
    remedy = f"give the words of the sweep again: -m KEY=A,B sweep={folder.name}"
    try:
        overrides = OmegaConf.to_container(OmegaConf.load(folder / SWEEP_FILE).hydra.overrides)
        task, hydra = ([str(word) for word in overrides[kind]] for kind in ("task", "hydra"))
    except Exception:  # bytes that anyone may have written
        raise ConfigError("sweep", folder, f"multirun.yaml cannot be read; {remedy}") from None
    ours = [word for word in task if not key_of(word).startswith("hydra")]
    kept = [word for word in ours if key_of(word) not in _OF_ONE_COMMAND]
    if not kept and not (folder / ONLY_JOB).is_dir():
        raise ConfigError("sweep", folder, f"multirun.yaml holds no words; {remedy}")
    return [*[word for word in hydra if _SAFE.fullmatch(word) or _HARMLESS.fullmatch(word)], *kept]


def _merged(saved: Sequence[str], given: Sequence[str], folder: Path) -> list[str]:
    """Return saved words and given ones, which replace saved ones of the same key.

    Raises ConfigError for a saved word that must be typed again.
    """
    keys = {key_of(word) for word in given}
    if "hydra/launcher" in keys:  # another one has other settings
        saved = [word for word in saved if not key_of(word).startswith("hydra.launcher.")]
    for word in saved:
        if key_of(word) not in keys and _HARMLESS.fullmatch(word) and not _SAFE.fullmatch(word):
            key, _, value = word.partition("=")
            typed = f"add {shlex.quote(word)}, or another value"
            allowed = f"is not taken from the folder of sweep {folder.name}: {typed}"
            raise ConfigError(key, value, allowed)
        if key_of(word) in keys and is_sweep(word):
            allowed = f"sweep {folder.name} is over {word}: give all words of the sweep, or none"
            raise ConfigError(key_of(word), _value(given, key_of(word)), allowed)
    return [*[word for word in saved if key_of(word) not in keys], *given]


def _value(words: Iterable[str], key: str) -> str:
    return next(word.partition("=")[2] for word in words if key_of(word) == key)
