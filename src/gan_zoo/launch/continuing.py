"""`resume` and `sweep`: which run or sweep goes on, and with which settings."""

from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from gan_zoo.launch.composed import kept
from gan_zoo.resume import run_folder
from gan_zoo.schema import SettingError

_ABSENT = object()


def continue_run(config: DictConfig) -> None:
    """If `resume` names a run, take over its folder and its settings, but for what is given now.

    Raises SettingError for a setting that the run to continue has not, or this program has not:
    a saved configuration may come from anyone, and must not reach Hydra's own settings.
    """
    if config.resume in (None, "auto"):
        return
    folder = run_folder(Path(config.resume))
    taken = kept(folder)
    for key in taken:
        if key not in config or key == "hydra":
            raise SettingError("resume", folder, f"has a setting that no run can have: {key}")
        config[key] = taken[key]
    for override in OverridesParser.create().parse_overrides(list(config.hydra.overrides.task)):
        key = override.key_or_group
        if OmegaConf.select(config, key, default=_ABSENT) is _ABSENT:
            raise SettingError(key, override.value(), "is no setting of the run to continue")
        OmegaConf.update(config, key, override.value())
    config.hydra.run.dir = str(folder)
    before = folder / ".hydra" / "overrides.yaml"
    told = list(OmegaConf.load(before)) if before.is_file() else []
    config.hydra.overrides.task = [*told, *config.hydra.overrides.task]


def continue_sweep(config: DictConfig) -> None:
    """If `sweep` is `resume`, make it the name of the newest sweep. Raises SettingError if none."""
    if config.sweep != "resume":
        return
    sweeps = [path.resolve().parent for path in Path("outputs/sweeps").glob("*/multirun.yaml")]
    if not sweeps:
        raise SettingError("sweep", "resume", "there is no sweep in outputs/sweeps to finish")
    newest = max(sweeps, key=lambda path: path.stat().st_mtime)
    tasks = [task for task in config.hydra.overrides.task if not task.startswith("sweep=")]
    config.hydra.overrides.task = [*tasks, f"sweep={newest.name}"]
    config.sweep = newest.name
