"""Configurations from Hydra's hands into ours, and into a run's folder."""

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, read_write

from gan_zoo.schema import SettingError


def plain(config: DictConfig) -> dict[str, Any]:
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


def keep(config: DictConfig, folder: Path) -> None:
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
    before.parent.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        partial = before.with_name(f"{name}.partial")
        partial.write_text(OmegaConf.to_yaml(content), encoding="utf-8")
        partial.replace(before.with_name(f"{name}.yaml"))


def kept(folder: Path) -> DictConfig:
    """The configuration that a run's folder holds. Raises SettingError for what is none."""
    return _read(folder / ".hydra" / "config.yaml")


def _read(path: Path) -> DictConfig:
    try:
        content = OmegaConf.load(path)
    except Exception:  # bytes that anyone may have written
        raise SettingError("resume", path, "cannot be read as a configuration") from None
    if not isinstance(content, DictConfig):
        raise SettingError("resume", path, "holds no configuration")
    return content
