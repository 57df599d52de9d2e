"""What differs between the versions of Hydra that can be installed: 1.3.2 to 1.4."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import hydra
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict, read_write

# Python objects that our configuration has Hydra make. Hydra 1.4 warns where none are named.
_TARGETS = ["gan_zoo.launch.PreflightCallback"]
_TRUST = getattr(hydra.utils, "execution_whitelist", None)
_WHITELIST = {"execution_whitelist": _TARGETS} if _TRUST else {}
_VERSION = {} if _TRUST else {"version_base": "1.3"}  # deprecated since 1.4


def initialize(configs: Path) -> AbstractContextManager[None]:
    """Inside, Hydra composes from a folder of configurations."""
    return initialize_config_dir(str(configs.resolve()), **_VERSION)


def hydra_main(configs: Path, job: Callable[[Any], None]) -> None:
    """Have Hydra read the command line, and do a job or several with what it composes."""
    decorate = hydra.main(
        config_path=str(configs.resolve()), config_name="train", **_VERSION, **_WHITELIST
    )
    decorate(job)()


def trusting() -> AbstractContextManager[Any]:
    """Inside, Hydra makes the objects that our configuration names, without a warning."""
    return _TRUST(_TARGETS) if _TRUST else nullcontext()


def context(callbacks: Any) -> HydraContext:
    """What Hydra needs to know to do a job of what it was initialized with."""
    return HydraContext(GlobalHydra.instance().config_loader(), callbacks, **_WHITELIST)


@contextmanager
def writable(config: DictConfig) -> Iterator[None]:
    """Inside, a composed configuration can be changed; Hydra 1.4 locks its own part, too."""
    with read_write(config), read_write(config.hydra), open_dict(config):
        yield
