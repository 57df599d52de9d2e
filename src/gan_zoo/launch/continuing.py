"""`resume`: which run goes on, and with which settings."""

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from gan_zoo.launch.composed import kept, words_of
from gan_zoo.launch.overrides import asks_for_sweep, text_of
from gan_zoo.resume import folder_of, latest, run_folder
from gan_zoo.schema import SettingError

_ABSENT = object()


def with_choices(words: Sequence[str], configs: Path) -> list[str]:
    """The words of a command line, joined by the choices of the run that they continue, if any.

    Hydra composes before it asks us: it must know of the run's loss to admit `loss.slope`. Only
    choices that this program has are taken from a folder that may come from anyone.
    """
    named = [text_of(word) for word in words if word.startswith("resume=")]
    given = {word.partition("=")[0] for word in words}
    if not named or asks_for_sweep(words):
        return list(words)
    choices = []
    for word in _told(folder_of(Path(named[-1]))):
        choice = re.fullmatch(r"([a-z_/]+)=(\w+)", word)
        if choice and choice[1] not in given:
            known = (configs / choice[1] / f"{choice[2]}.yaml").is_file()
            choices += [word] if known else []
    return [*choices, *words]


def _told(folder: Path) -> list[str]:
    """The command line that a run's folder holds; nothing where there is none."""
    try:
        return [str(word) for word in OmegaConf.load(folder / ".hydra" / "overrides.yaml")]
    except Exception:  # missing, or bytes that anyone may have written
        return []


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
    told = _told(folder)
    given = []
    for override in OverridesParser.create().parse_overrides(words_of(config, "task")):
        key = override.key_or_group
        now = OmegaConf.select(config, key, default=_ABSENT)
        noun = now is _ABSENT or isinstance(now, DictConfig)
        if noun and override.input_line in told:
            continue  # a choice that the run was made with; see `with_choices`
        if noun:
            raise SettingError(key, override.value(), "is no setting of the run to continue")
        OmegaConf.update(config, key, override.value())
        given.append(override.input_line)
    config.hydra.run.dir = str(folder)
    config.hydra.overrides.task = latest([*told, *given])
