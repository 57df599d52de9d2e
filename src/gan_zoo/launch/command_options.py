"""The options of train.py, such as -m and --cfg, apart from the settings; mistakes in them."""

import re
from collections.abc import Sequence

from gan_zoo.launch.config_catalog import Catalog
from gan_zoo.launch.overrides import wants_sweep
from gan_zoo.launch.usage_errors import check_overrides, help_line, refuse_word

_DASHES = re.compile(r"^[-‐‑‒–—―−]+")
_FLAGS = ("-m", "--multirun", "-h", "--help", "--hydra-help", "--version", "--resolve", "-r")
_FLAGS += ("--run", "-sc", "--shell-completion")
_VALUED = ("-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name")
_VALUED += ("-cd", "--config-dir")
_LONG = {"-m": "--multirun", "-r": "--run", "-c": "--cfg", "-i": "--info", "-p": "--package"}
_LONG["-sc"] = "--shell-completion"
_COMMANDS = ("--multirun", "--run", "--cfg", "--info", "--shell-completion")
_OF_CFG = ("--package", "--resolve")
_SHOWN = ("job", "hydra", "all")
_COMPLETION = re.compile(r"(install|uninstall|query)=(bash|zsh|fish)")
_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


def checked(words: Sequence[str]) -> list[str]:
    """Return the words of a command line, options last. Raises ConfigError for mistakes."""
    overrides, options = _split(words)
    _check_options(options)
    check_overrides(overrides, wants_sweep(words))
    return [*overrides, *options]


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate overrides from options with their values: Hydra 1.3 needs options at the end.

    Raises ConfigError for an unknown option.
    """
    overrides: list[str] = []
    options: list[str] = []
    rest = list(words)
    while rest:
        if not _DASHES.match(rest[0]):
            overrides.append(rest.pop(0))
            continue
        size = _size(rest)
        options += rest[:size]
        del rest[:size]
    return overrides, options


def _size(words: Sequence[str]) -> int:
    """Return how many words belong to the option that comes first."""
    option, equals, value = words[0].partition("=")
    following = value if equals else next(iter(words[1:]), "")
    long = _long(option)
    if long == "--cfg" and following not in _SHOWN:
        allowed = f"shows a configuration: type {option} job, {option} hydra or {option} all"
        refuse_word(words[0], allowed)
    if long == "--shell-completion" and not _COMPLETION.fullmatch(following):
        refuse_word(words[0], f"type {option} install=bash, or install=zsh, or install=fish")
    if long == "--info":
        return 2 if not equals and following in _INFO else 1
    if option in _VALUED:
        return 1 if equals else 2
    if option in _FLAGS:
        return 1
    refuse_word(words[0], _known_option(words))


def named_commands(words: Sequence[str]) -> list[str]:
    """Return the options that choose what Hydra does, such as --multirun, --cfg and --info."""
    return [word.partition("=")[0] for word in words if _long(word) in _COMMANDS]


def _check_options(options: Sequence[str]) -> None:
    """Raises ConfigError for options that exclude each other, or that lack another one."""
    commands = named_commands(options)
    if len({_long(name) for name in commands}) > 1:
        refuse_word(" ".join(commands), "type only one of them")
    typed = {_long(option) for option in options}
    for option in _OF_CFG:
        if option in typed and "--cfg" not in typed:
            refuse_word(option, f"is for a configuration: type --cfg job {option}")


def _long(option: str) -> str:
    """Return the long name of an option."""
    name = option.partition("=")[0]
    return _LONG.get(name, name)


def _known_option(words: Sequence[str]) -> str:
    """Suggest what to type for an unknown option."""
    text = _DASHES.sub("", words[0])
    for option in (f"--{text}", f"-{text}"):
        if option in (*_FLAGS, *_VALUED):
            return f"type {option}"
    name, equals, value = text.partition("=")
    if not equals:
        bare = [word for word in words[1:2] if "=" not in word and not _DASHES.match(word)]
        value = bare[0] if bare else "VALUE"
    known = Catalog().ending_in(name.replace("-", "_"))
    if known:
        return f"settings have no dashes: type {known[0]}={value}"
    return f"is no option; {help_line()}"
