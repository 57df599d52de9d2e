"""Words of a command line that Hydra cannot understand as they are: what to type instead."""

import functools
import inspect
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from gan_zoo.launch.config_catalog import Catalog
from gan_zoo.launch.options import arranged
from gan_zoo.launch.overrides import AS_TYPED, FOLDERS, asks_for_sweep
from gan_zoo.schema import ConfigError, near

_NAME = re.compile(r"[+~]{0,2}[A-Za-z_$][\w.$/@-]*", re.ASCII)
_SPAN = re.compile(r"(\d+) ?(?:\.{2,3}|-|:) ?(\d+)")
_HELP = "settings are typed as KEY=VALUE; python train.py --help lists them"
_NOUNS = {"dataset", "architecture", "loss", "regularizer", "optimizer"}


def checked(words: Sequence[str], configs: Path) -> list[str]:
    """The words of train.py's command line, options last. Raises ConfigError for what is wrong."""
    overrides, options = arranged(words, configs)
    check_overrides(overrides, configs, asks_for_sweep(words))
    return [*overrides, *options]


def check_overrides(words: Sequence[str], configs: Path, swept: bool = False) -> None:
    """Raises ConfigError, which says what to type, for words that are no overrides."""
    if "" in words:
        refuse_word("an empty word", _HELP)
    meant = _Meaning(words, configs)
    if meant.wrong:
        refuse_word(" ".join(meant.wrong), meant.advice())
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            _check_assignment(name, value, swept, configs)


def _check_assignment(name: str, value: str, swept: bool, configs: Path) -> None:
    word, key = f"{name}={value}", name.lstrip("+~")
    if not _NAME.fullmatch(name):
        close = near(key, Catalog(configs).keys) if key else []
        refuse_word(word, f"did you mean {close[0]}?" if close else _HELP)
    if key in FOLDERS - {"sweep"} and not value:
        raise ConfigError(key, value, "must be the path of a folder")
    if key in AS_TYPED:
        return
    if value.startswith("="):
        _type(word, f"{name}={value.lstrip('= ')}")
    span = _SPAN.fullmatch(value)
    if span and int(span[1]) < int(span[2]):
        _type(word, "" if swept else "-m", f"{name}=range({span[1]},{int(span[2]) + 1})")
    if key in _NOUNS and name.startswith("+"):
        _type(word, f"{key}={value}")
    if key in _NOUNS and value.startswith("["):
        names = value.strip("[]").replace(" ", "")
        _type(word, *(("-m",) if "," in names and not swept else ()), f"{name}={names}")


class _Meaning:
    """What words without an equals sign of their own were meant to be.

    Attributes:
        wrong: the words that are no overrides, and those beside them that are meant with them.
        typed: what to type instead; empty where any of them is unknown.
    """

    def __init__(self, words: Sequence[str], configs: Path):
        self.configs = configs
        self.wrong: list[str] = []
        self.typed: list[str] = []
        self.unknown: list[str] = []
        waiting = list(words)
        while waiting:
            size, typed = self._first(waiting)
            if typed != waiting[0]:
                self.wrong += waiting[:size]
                self.typed += [typed] if typed else []
                self.unknown += [] if typed else waiting[:1]
            del waiting[:size]

    @functools.cached_property
    def catalog(self) -> Catalog:
        """What could be meant; read only where a word is wrong."""
        return Catalog(self.configs)

    def advice(self) -> str:
        """What to type, or what a command line is made of."""
        if self.unknown or not self.typed:
            return self._guess(self.unknown[0] if self.unknown else self.wrong[0])
        return f"type {_shell(*self.typed)}"

    def _first(self, words: list[str]) -> tuple[int, str]:
        """How many of the words belong to the first one, and what they should be."""
        name, equals, value = words[0].partition("=")
        second, third = [*words[1:3], "", ""][:2]
        if equals and name and not value and _bare(second):  # steps= 100
            return 2, f"{name}={second}"
        if (equals and name) or name.startswith("~"):
            return 1, words[0]
        if name and second == "=" and _bare(third):  # steps = 100
            return 3, f"{name}={third}"
        if name and second[:1] == "=" and _bare(second[1:]):  # steps =100
            return 2, name + second
        return self._alone(words[0], second if _bare(second) else "")

    def _alone(self, word: str, following: str) -> tuple[int, str]:
        """A word with no equals sign beside it."""
        key, colon, value = word.partition(":")
        known = self.catalog.ending_in(key)
        if known and colon and value:
            return 1, f"{known[0]}={value.strip()}"
        if known and following and not self.catalog.named(word):
            return 2, f"{known[0]}={following}"
        if (Path(word) / ".hydra").is_dir():
            return 1, f"resume={word}"
        named = self.catalog.named(word.lower().replace("-", "_"))
        return 1, " or ".join(named)

    def _guess(self, word: str) -> str:
        known = self.catalog.ending_in(word)[:1]
        if word in self.catalog.groups:
            return f"type {word}=NAME, with one of {', '.join(self.catalog.groups[word])}"
        names = [name for names in self.catalog.groups.values() for name in names]
        close = known or near(word, [*names, *self.catalog.keys])[:1]
        named = [choice for name in close for choice in self.catalog.named(name)]
        meant = named or [f"{name}=VALUE" for name in close]
        return f"did you mean {' or '.join(meant)}?" if meant else _HELP


def _bare(word: str) -> bool:
    """Whether a word is one without an equals sign."""
    return bool(word) and "=" not in word


def refuse_word(word: str, advice: str) -> NoReturn:
    """Raises ConfigError for a word that sets nothing."""
    raise ConfigError(word, inspect.Parameter.empty, advice)


def _type(word: str, *words: str) -> NoReturn:
    refuse_word(word, f"type {_shell(*filter(None, words))}")


def _shell(*words: str) -> str:
    return " ".join(word if " or " in word else shlex.quote(word) for word in words)
