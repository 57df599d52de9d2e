"""Hydra's launchers, which start the jobs of a sweep: which are installed, which are clusters."""

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from gan_zoo.launch.errors import PACKAGES
from gan_zoo.schema import ConfigError


def check_launcher(config: DictConfig) -> None:
    """Raise ConfigError for a launcher of which only our configuration file is there."""
    name = config.hydra.runtime.choices["hydra/launcher"]
    classes = Plugins.instance().discover(Launcher)
    installed = [f"{each.__module__}.{each.__qualname__}" for each in classes]
    if config.hydra.launcher._target_ not in installed:
        package = PACKAGES.get(f"hydra/launcher={name}")
        remedy = f"; type pip install {package}" if package else ""
        raise ConfigError("hydra/launcher", name, f"is not installed{remedy}")


def is_cluster(config: DictConfig) -> bool:
    """Return whether a sweep's jobs run on a cluster, whose jobs outlive who submitted them."""
    return str(config.hydra.launcher._target_).endswith(".SlurmLauncher")
