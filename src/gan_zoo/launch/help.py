"""The text of --help: Hydra would compose every group twice for it, which takes twice as long."""

import string
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf


def help_text(configs: Path, overrides: list[str]) -> str:
    """What can be chosen, and what these words choose. Raises as Hydra does for wrong ones."""
    with initialize_config_dir(str(configs.resolve()), version_base="1.3"):
        whole = compose("train", overrides, return_hydra_config=True)
    ours = OmegaConf.masked_copy(whole, [key for key in whole if key != "hydra"])
    template = string.Template(whole.hydra.help.template)
    return template.substitute(APP_CONFIG_GROUPS=_groups(configs), CONFIG=OmegaConf.to_yaml(ours))


def _groups(configs: Path) -> str:
    """A line for each folder of choices, Hydra's own left out."""
    choices: dict[str, list[str]] = {}
    for path in sorted(configs.glob("*/**/*.yaml")):
        group = path.parent.relative_to(configs)
        if group.parts[0] != "hydra":
            choices.setdefault(group.as_posix(), []).append(path.stem)
    return "".join(f"{group}: {', '.join(names)}\n" for group, names in sorted(choices.items()))
