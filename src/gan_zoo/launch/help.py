"""The text of --help: the chosen configuration files themselves, with their comments."""

import re
from collections.abc import Iterable

from hydra import compose

from gan_zoo.command_line import program
from gan_zoo.launch.config_catalog import CONFIGS, choices
from gan_zoo.launch.hydra_config import initialize

_TEXT = """\
gan_zoo: which loss should the critic of a GAN minimize?

  {train}                                      train on embedded glyphs, no download
  {train} dataset=ring loss=wgan               other data, another loss with its recipe
  {train} loss=glsgan loss.slope=-1 steps=2000 any key below can be set
  {train} -m loss=gan,lsgan,wgan seed=0,1,2    a sweep: one run folder each
  {train} study=slopes study.budget=small      a study: several sweeps, and their results
  {train} loss=wgan --help                     the settings of another loss
  {train} loss=wgan --cfg job                  what would be trained
  {sample} outputs/runs/RUN            generate samples from a trained generator

Choices, as group=name:

{choices}

Settings, as key=value. If a key occurs twice, the lower value counts; the command line always wins.

{settings}"""

_DEFAULTS = re.compile(r"^defaults:\n(?:  - .*\n)+\n?", re.MULTILINE)
_GLOBAL = "# @package _global_\n"


def wants_help(words: Iterable[str]) -> bool:
    """Return whether a command line asks for help."""
    return not {"-h", "--help"}.isdisjoint(words)


def help_text(words: Iterable[str]) -> str:
    """Return the choices, and the settings of what the words choose; ignore all other words.

    Of a sweep the first choice is shown. Raises Hydra's error for a choice that does not exist.
    """
    groups = choices()
    pairs = (word.partition("=") for word in words)
    chosen = [f"{key}={names.split(',')[0]}" for key, _, names in pairs if _group(key) in groups]
    with initialize():
        config = compose("train", chosen, return_hydra_config=True)
    train = (CONFIGS / "train.yaml").read_text(encoding="utf-8")
    settings = [_DEFAULTS.sub("", train).partition("\nhydra:\n")[0]]
    # Hydra notes its choices last to first, because a later one decides about earlier ones
    for choice, name in reversed(config.hydra.runtime.choices.items()):
        if name and _group(choice) in groups:
            settings.append(_shown(choice, name))
    listed = "\n".join(f"{group}: {', '.join(names)}" for group, names in groups.items())
    calls = {"train": program("train.py"), "sample": program("scripts/sample.py")}
    return _TEXT.format(**calls, choices=listed, settings="\n".join(settings))


def _shown(choice: str, name: str) -> str:
    """Return the text of a chosen file, indented below the key where its settings belong."""
    text = (CONFIGS / _group(choice) / f"{name}.yaml").read_text(encoding="utf-8")
    title, _, lines = text.removeprefix(_GLOBAL).removeprefix("# ").partition("\n")
    lines = _DEFAULTS.sub("", lines)
    key = choice.partition("@")[2] or choice.replace("/", ".")
    for level in () if text.startswith(_GLOBAL) else reversed(key.split(".")):
        lines = f"{level}:\n{re.sub(r'^(?=.)', '  ', lines, flags=re.MULTILINE)}"
    return f"# {choice}={name}: {title}\n{lines}"


def _group(choice: str) -> str:
    """Return the group of a choice that may be for one place: group@place."""
    return choice.partition("@")[0]
