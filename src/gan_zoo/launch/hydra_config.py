"""Configurations as Hydra composes them and as .hydra/ stores them, with Hydra 1.3.2 to 1.4."""

import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import hydra
import hydra.utils
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobRuntime, setup_globals
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from gan_zoo.atomic_write import atomic_write, write_text
from gan_zoo.launch.config_catalog import CONFIGS
from gan_zoo.run_folder import has_run, read_failure, write_failure
from gan_zoo.schema import ConfigError
from gan_zoo.setting_keys import FOLDER_KEYS, flatten

# Hydra 1.4 deprecates version_base, and warns about classes that it instantiates unless listed.
_HYDRA_1_4 = hasattr(hydra.utils, "execution_whitelist")
_VERSION: dict[str, Any] = {} if _HYDRA_1_4 else {"version_base": "1.3"}
_TRUSTED = {"execution_whitelist": ["gan_zoo.launch.PreflightCallback"]} if _HYDRA_1_4 else {}

hydra_main = hydra.main(config_path=str(CONFIGS), config_name="train", **_VERSION, **_TRUSTED)


def initialize() -> AbstractContextManager[None]:
    """Let `hydra.compose` read the project's configuration files inside this block."""
    return hydra.initialize_config_dir(str(CONFIGS), **_VERSION)


@contextmanager
def own_hydra() -> Iterator[None]:
    """Hide Hydra's state of the program around this block inside it, and restore it after it."""
    job, runtime = HydraConfig.instance(), JobRuntime.instance()
    before = GlobalHydra.instance().hydra, job.cfg, runtime.get("name")
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().hydra, job.cfg = before[:2]  # `compose` has replaced the instance
        runtime.set("name", before[2])


@contextmanager
def writable(config: DictConfig) -> Iterator[None]:
    """Make a composed configuration writable in this block; Hydra 1.4 locks `hydra` as well."""
    with read_write(config), read_write(config.hydra), open_dict(config):
        yield


def to_dict(config: DictConfig) -> dict[str, Any]:
    """Convert a composed configuration to plain dicts and lists, interpolations resolved."""
    # of the whole configuration, not of a copy: it remembers the time that ${now:} gave
    nodes = {str(key): config[key] for key in config if key != "hydra"}
    for key, node in nodes.items():
        if OmegaConf.is_config(node):
            nodes[key] = OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    return nodes


def changed_settings(config: DictConfig) -> set[str]:
    """Return the dotted keys whose values differ from the defaults; for a job that Hydra started.

    Defaults are those of `train.py` without any words; of a class that differs, its own.
    """
    choices = HydraConfig.get().runtime.choices.items()
    words = [f"{group}={name}" for group, name in choices if name and group[:6] != "hydra/"]
    usual, own = (_flat(hydra.compose("train", given)) for given in ([], words))
    given = _flat(config)
    classes = [key for key in given if key.endswith("._target_") and given[key] != usual.get(key)]
    nodes = tuple(key.removesuffix("_target_") for key in classes)
    compared = {key: own if key.startswith(nodes) else usual for key in given}
    changed = {key for key, value in given.items() if value != compared[key].get(key)}
    return {*changed, *classes}.difference(FOLDER_KEYS)


def _flat(config: DictConfig) -> dict[str, Any]:
    return dict(flatten(to_dict(config)))


def overrides_of(config: DictConfig, kind: str) -> list[str]:
    """Return the overrides of Hydra's settings (kind "hydra") or of ours (kind "task")."""
    words = OmegaConf.to_container(config.hydra.overrides[kind], resolve=False)
    assert isinstance(words, list)
    return [str(word) for word in words]


def save_config(config: DictConfig, folder: Path) -> None:
    """Write a job's configuration into .hydra/ as Hydra would, each file atomically.

    A run that is killed during this can still be resumed. A job keeps the number that it had when
    its sweep began. Hydra's own settings are those of `config`, or else of the present job.
    """
    hydra_config = (config.hydra if "hydra" in config else HydraConfig.get()).copy()
    path = folder / ".hydra" / "hydra.yaml"
    known = _load(path, "delete it") if path.is_file() else None
    number = OmegaConf.select(known, "hydra.job.num") if known else None
    if isinstance(number, int):
        with read_write(hydra_config):
            hydra_config.job.num = number
    ours = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
    ours.sweep = config.sweep  # by default the present time, which must not change at each reading
    contents = {
        "config": ours,
        "hydra": {"hydra": hydra_config},
        "overrides": hydra_config.overrides.task,
    }
    for name, content in contents.items():
        write_text(path.with_name(f"{name}.yaml"), OmegaConf.to_yaml(content))


@contextmanager
def restored_if_refused(folder: Path) -> Iterator[None]:
    """Restore what this block has saved over, if it raises ConfigError: nothing was trained then.

    That is the configuration of a run's folder, if the run has begun, and failure.txt.

    Raises ConfigError as the block does.
    """
    saved = (folder / ".hydra").glob("*.yaml") if has_run(folder) else ()
    contents, failure = {path: path.read_bytes() for path in saved}, read_failure(folder)
    try:
        yield
    except ConfigError:
        for path, content in contents.items():
            with atomic_write(path) as file:
                file.write(content)
        write_failure(folder, failure)
        raise


def load_config(folder: Path) -> DictConfig:
    """Load the configuration of a run's folder. Raises ConfigError for a file that is none."""
    setup_globals()  # the `now` in files that were saved with it
    added = shlex.join(["resume=auto", f"hydra.run.dir={folder}"])
    remedy = f"delete it, and type again the words of the run with {added}, or those of its sweep"
    return _load(folder / ".hydra" / "config.yaml", remedy)


def load_overrides(folder: Path) -> list[str]:
    """Load the command line of a run's folder; empty where there is none."""
    try:
        return [str(word) for word in OmegaConf.load(folder / ".hydra" / "overrides.yaml")]
    except Exception:  # missing, or bytes that anyone may have written
        return []


def load_choices(folder: Path) -> dict[str, str]:
    """Load what a run's folder was composed of, such as loss: wgan; empty where it is unknown."""
    try:
        choices = OmegaConf.load(folder / ".hydra" / "hydra.yaml").hydra.runtime.choices
        return {str(group): str(name) for group, name in choices.items()}
    except Exception:  # missing, or bytes that anyone may have written
        return {}


def _load(path: Path, remedy: str) -> DictConfig:
    try:
        content = OmegaConf.load(path)
    except Exception:  # bytes that anyone may have written
        raise ConfigError("resume", path, f"cannot be read as a configuration: {remedy}") from None
    if not isinstance(content, DictConfig):
        raise ConfigError("resume", path, f"holds no configuration: {remedy}")
    return content
