"""The text of --help: the configuration files themselves, with what their comments say.

To compose them takes a third of a second, most of it to import Hydra. This imports next to nothing.
"""

import re
from collections.abc import Iterable
from pathlib import Path

_TEXT = """\
gan_zoo: which loss should the critic of a GAN minimize?

  python train.py                                      train on embedded glyphs, no download
  python train.py dataset=ring loss=wgan               other data, another loss with its recipe
  python train.py loss=glsgan loss.slope=-1 steps=2000 any key below can be set
  python train.py -m loss=gan,lsgan,wgan seed=0,1,2    a sweep: one run folder each
  python train.py loss=wgan --help                     the settings of another loss
  python train.py loss=wgan --cfg job                  what would be trained
  python scripts/sample.py outputs/runs/RUN            draw from a trained generator

Choices, as group=name:

{choices}

Settings, as key=value. Of two values of a key the lower one holds, and the command line's of all.

{settings}"""

_DEFAULTS = re.compile(r"^defaults:\n(?:  - .*\n)+\n?", re.MULTILINE)
_CHOICE = re.compile(r"^  - (?:override )?/?([\w/]+)(?:@([\w.]+))?: (\w+)", re.MULTILINE)
_GLOBAL = "# @package _global_\n"


def wants_help(words: Iterable[str]) -> bool:
    """Whether a command line asks for help."""
    return not {"-h", "--help"}.isdisjoint(words)


def help_text(configs: Path, words: Iterable[str]) -> str:
    """What can be chosen, and the settings of what the words choose; other words say nothing here.

    Of a sweep the first choice is shown. One that there is not ends the program in one line.
    """
    groups = choices(configs)
    pairs = (word.partition("=") for word in words)
    chosen = {key: names.split(",")[0] for key, _, names in pairs if _group(key) in groups}
    for key, name in chosen.items():
        if name not in groups[_group(key)]:
            from gan_zoo.command_line import exit_usage_error
            from gan_zoo.schema import suggest

            exit_usage_error(f"{key}={name}: {suggest(name, groups[_group(key)])}")
    listed = "\n".join(f"{group}: {', '.join(names)}" for group, names in groups.items())
    return _TEXT.format(choices=listed, settings="\n".join(_settings(configs, groups, chosen)))


def choices(configs: Path) -> dict[str, list[str]]:
    """The names in each folder of choices, Hydra's own left out."""
    groups: dict[str, list[str]] = {}
    for path in sorted(configs.glob("*/**/*.yaml")):
        group = path.parent.relative_to(configs).as_posix()
        if not group.startswith("hydra/"):
            groups.setdefault(group, []).append(path.stem)
    return groups


def _settings(configs: Path, groups: dict[str, list[str]], chosen: dict[str, str]) -> list[str]:
    """The text of train.yaml, and of each file that is chosen there, in `chosen`, or by another.

    As Hydra has it: a later choice of train.yaml decides before an earlier one.
    """
    train = (configs / "train.yaml").read_text(encoding="utf-8")
    chosen, parts = dict(chosen), []
    for group, _, default in reversed(_CHOICE.findall(train)):
        name = chosen.get(group, default)
        if name in groups.get(group, ()):
            parts = [*_shown(configs, group, group, name, chosen), *parts]
    return [_DEFAULTS.sub("", train).partition("\nhydra:\n")[0], *parts]


def _shown(configs: Path, choice: str, key: str, name: str, chosen: dict[str, str]) -> list[str]:
    """The text of a file, under the key where its settings are found, and of those that it brings.

    What it decides for others is added to `chosen`, unless that was decided before.
    """
    text = (configs / _group(choice) / f"{name}.yaml").read_text(encoding="utf-8")
    everywhere, parts = text.startswith(_GLOBAL), []
    for group, place, default in _CHOICE.findall(text):
        if place:
            place = place if everywhere else f"{key}.{place}"
            inner = group if place == group.replace("/", ".") else f"{group}@{place}"
            parts += _shown(configs, inner, place, chosen.get(inner, default), chosen)
        else:
            chosen.setdefault(group, default)
    title, _, lines = text.removeprefix(_GLOBAL).removeprefix("# ").partition("\n")
    lines = _DEFAULTS.sub("", lines)
    for level in () if everywhere else reversed(key.split(".")):
        lines = f"{level}:\n{re.sub(r'^(?=.)', '  ', lines, flags=re.MULTILINE)}"
    return [*parts, f"# {choice}={name}: {title}\n{lines}"]


def _group(choice: str) -> str:
    """The group of a choice for one place: group@place."""
    return choice.partition("@")[0]
