"""Hydra's launchers, which start the jobs of a sweep: which are installed, which are clusters."""

import os
import shutil
import warnings

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from gan_zoo.cpu_cores import thread_share
from gan_zoo.launch.errors import PACKAGES
from gan_zoo.schema import ConfigError

# our files complete the defaults of launchers' packages, which have the same names; also in jobs
warnings.filterwarnings("ignore", r"\s*'hydra/launcher/\w+' is validated against")


def check_launcher(config: DictConfig) -> None:
    """Raise ConfigError for a launcher that is not installed, and for SLURM where there is none."""
    name = config.hydra.runtime.choices["hydra/launcher"]
    classes = Plugins.instance().discover(Launcher)
    installed = [f"{each.__module__}.{each.__qualname__}" for each in classes]
    if config.hydra.launcher._target_ not in installed:
        package = PACKAGES.get(f"hydra/launcher={name}")
        remedy = f"; type pip install {package}" if package else ""
        raise ConfigError("hydra/launcher", name, f"is not installed{remedy}")
    if is_cluster(config) and not shutil.which("srun"):
        allowed = "needs SLURM, and srun is not found here; slurm_local does without it"
        raise ConfigError("hydra/launcher", name, allowed)


def refuse_launcher(config: DictConfig) -> None:
    """Raise ConfigError for a launcher of a single run, which Hydra would train in this process."""
    name = config.hydra.runtime.choices["hydra/launcher"]
    if name != "basic":
        allowed = "starts the jobs of a sweep: type -m as well, also for a single job"
        raise ConfigError("hydra/launcher", name, allowed)


def is_cluster(config: DictConfig) -> bool:
    """Return whether a sweep's jobs run on a cluster, whose jobs outlive who submitted them."""
    return str(config.hydra.launcher._target_).endswith(".SlurmLauncher")


def prepare_launcher(config: DictConfig, jobs: int) -> None:
    """Prepare this process for a launcher of so many jobs, before it sets its signal handlers."""
    name = config.hydra.runtime.choices["hydra/launcher"]
    if name == "slurm_local":  # starts all of them at once
        os.environ.setdefault("OMP_NUM_THREADS", str(thread_share(jobs)))
    elif name == "ray":  # sets signal handlers of its own, under which nothing would be saved
        import ray

        ray.init(**OmegaConf.to_container(config.hydra.launcher.ray.init, resolve=True))
