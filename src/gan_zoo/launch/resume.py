"""`resume`: which run goes on, and with which settings."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, read_write

from gan_zoo.atomic_write import write_text
from gan_zoo.launch.overrides import asks_for_sweep, text_of
from gan_zoo.run_folder import folder_of, latest, run_folder
from gan_zoo.schema import ConfigError

_ABSENT = object()


def add_saved_choices(words: Sequence[str], configs: Path) -> list[str]:
    """The words of a command line, joined by the choices of the run that they continue, if any.

    Hydra composes before it asks us: it must know of the run's loss to admit `loss.slope`. Only
    choices that this program has are taken from a folder that may come from anyone.
    """
    named = [text_of(word) for word in words if word.startswith("resume=")]
    given = {word.partition("=")[0] for word in words}
    if not named or asks_for_sweep(words):
        return list(words)
    choices = []
    for word in read_overrides(folder_of(Path(named[-1]))):
        choice = re.fullmatch(r"([a-z_/]+)=(\w+)", word)
        if choice and choice[1] not in given:
            known = (configs / choice[1] / f"{choice[2]}.yaml").is_file()
            choices += [word] if known else []
    return [*choices, *words]


def read_overrides(folder: Path) -> list[str]:
    """The command line that a run's folder holds; nothing where there is none."""
    try:
        return [str(word) for word in OmegaConf.load(folder / ".hydra" / "overrides.yaml")]
    except Exception:  # missing, or bytes that anyone may have written
        return []


def apply_resume(config: DictConfig) -> None:
    """If `resume` names a run, take over its folder and its settings, but for what is given now.

    Raises ConfigError for a setting that the run to continue has not, or this program has not:
    a saved configuration may come from anyone, and must not reach Hydra's own settings.
    """
    if config.resume in (None, "auto"):
        return
    folder = run_folder(Path(config.resume))
    taken = load_config(folder)
    for key in taken:
        if key not in config or key == "hydra":
            raise ConfigError("resume", folder, f"has a setting that no run can have: {key}")
        config[key] = taken[key]
    told = read_overrides(folder)
    given = []
    for override in OverridesParser.create().parse_overrides(words_of(config, "task")):
        key = override.key_or_group
        now = OmegaConf.select(config, key, default=_ABSENT)
        noun = now is _ABSENT or isinstance(now, DictConfig)
        if noun and override.input_line in told:
            continue  # a choice that the run was made with; see `with_choices`
        if noun:
            raise ConfigError(key, override.value(), "is no setting of the run to continue")
        OmegaConf.update(config, key, override.value())
        given.append(override.input_line)
    config.hydra.run.dir = str(folder)
    config.hydra.overrides.task = latest([*told, *given])


def to_dict(config: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain dicts and lists, interpolations resolved."""
    ours = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
    content = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def words_of(config: DictConfig, kind: str) -> list[str]:
    """The overrides of Hydra's own settings (kind "hydra") or of ours ("task"), as they came."""
    words = OmegaConf.to_container(config.hydra.overrides[kind], resolve=False)
    assert isinstance(words, list)
    return [str(word) for word in words]


def save_config(config: DictConfig, folder: Path) -> None:
    """Write a job's configuration into .hydra/, as Hydra would, but each file whole or not at all.

    A run that is killed in the middle of this can still be continued. A job keeps the number that
    it had when its sweep began.
    """
    hydra = HydraConfig.get().copy()
    before = folder / ".hydra" / "hydra.yaml"
    number = OmegaConf.select(_read(before), "hydra.job.num") if before.is_file() else None
    if isinstance(number, int):
        with read_write(hydra):
            hydra.job.num = number
    contents = {"config": config, "hydra": {"hydra": hydra}, "overrides": hydra.overrides.task}
    for name, content in contents.items():
        write_text(before.with_name(f"{name}.yaml"), OmegaConf.to_yaml(content))


def load_config(folder: Path) -> DictConfig:
    """The configuration that a run's folder holds. Raises ConfigError for what is none."""
    return _read(folder / ".hydra" / "config.yaml")


def _read(path: Path) -> DictConfig:
    try:
        content = OmegaConf.load(path)
    except Exception:  # bytes that anyone may have written
        raise ConfigError("resume", path, "cannot be read as a configuration") from None
    if not isinstance(content, DictConfig):
        raise ConfigError("resume", path, "holds no configuration")
    return content
