"""Words of a command line that Hydra would misread: what to type instead."""

import functools
import inspect
import itertools
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from hydra.core.override_parser.types import IntervalSweep, RangeSweep

from gan_zoo.command_line import from_here, program
from gan_zoo.launch.config_catalog import CONFIGS, Catalog, choices
from gan_zoo.launch.overrides import AS_TYPED, FOLDERS, parsed
from gan_zoo.schema import ConfigError, near, suggest

_NAME = re.compile(r"\+{0,2}[A-Za-z_$][\w.$/@-]*", re.ASCII)
_SPAN = re.compile(r"(\d+) ?(?:\.{2,3}|-|:) ?(\d+)")
_NOUNS = {"dataset", "architecture", "loss", "regularizer", "optimizer"}
_HYDRA_GROUPS = {"hydra.launcher": "hydra/launcher", "hydra.sweeper": "hydra/sweeper"}
_NO_NAMES = (bool, int, float, type(None), RangeSweep, IntervalSweep)


def check_overrides(words: Sequence[str], swept: bool = False) -> None:
    """Raises ConfigError, with what to type instead, for words that are no overrides."""
    if "" in words:
        refuse_word("an empty word", help_line())
    if "-m" in words:  # from Python: a command line's options are not among its overrides
        refuse_word("-m", f"is for sweeps; in a terminal: {from_here('train.py', *words)}")
    bare = _BareWords(words)
    if bare.wrong:
        refuse_word(" ".join(bare.wrong), bare.advice())
    for word in words:
        name, equals, value = word.partition("=")
        if name.startswith("~"):
            _check_deletion(word, name.lstrip("~"))
        elif equals:
            _check_assignment(name, value, swept)


def _check_deletion(word: str, key: str) -> None:
    """Raises ConfigError for nothing, and for a choice or a setting that every run needs."""
    catalog = Catalog()
    if not key:
        refuse_word(word, help_line())
    if key in catalog.keys and "." not in key:
        changed = f"{key}={'NAME' if key in catalog.groups else 'VALUE'}"
        refuse_word(word, f"every run needs it; {changed} changes it")


def _check_assignment(name: str, value: str, swept: bool) -> None:
    word, key = f"{name}={value}", name.lstrip("+")
    if not _NAME.fullmatch(name):
        close = near(key, Catalog().keys) if key else []
        refuse_word(word, f"did you mean {close[0]}?" if close else help_line())
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
    if key in _HYDRA_GROUPS:
        _type(word, f"{_HYDRA_GROUPS[key]}={value}")
    if key in _NOUNS and value.startswith("["):
        names = value.strip("[]").replace(" ", "")
        _type(word, *(("-m",) if "," in names and not swept else ()), f"{name}={names}")
    _check_names(key, value)


def _check_names(key: str, value: str) -> None:
    """Raises ConfigError for what Hydra reads as a number or as nothing, and not as a name."""
    group = key.partition("@")[0]
    names = choices().get(group) if (CONFIGS / group).is_dir() else None
    if names is None and not group.startswith("hydra/"):
        return
    for part in dict.fromkeys((value, *value.split(","))):
        override = parsed(f"{group}={part}")
        if override and isinstance(override.value(), _NO_NAMES):
            raise ConfigError(key, part, suggest(part, names) if names else "must be a name")


class _BareWords:
    """Words without an equals sign of their own, and what the user probably meant.

    Attributes:
        wrong: words that are no overrides, and words beside them that belong to them.
        typed: what to type instead of those that are known.
        unknown: those with no suggestion.
    """

    def __init__(self, words: Sequence[str]):
        self.wrong: list[str] = []
        self.typed: list[str] = []
        self.unknown: list[str] = []
        rest = list(words)
        while rest:
            size, typed = self._first(rest)
            if typed != rest[0]:
                self.wrong += rest[:size]
                self.typed += [typed] if typed else []
                self.unknown += [] if typed else rest[:1]
            del rest[:size]

    @functools.cached_property
    def catalog(self) -> Catalog:
        """All choices and settings, read only if a word is wrong."""
        return Catalog()

    def advice(self) -> str:
        """Suggest what to type, or explain what a command line consists of."""
        if self.unknown or not self.typed:
            return self._guess(self.unknown[0] if self.unknown else self.wrong[0])
        return f"type {_shell(*self.typed)}"

    def _first(self, words: list[str]) -> tuple[int, str]:
        """Return how many words belong to the first one, and the override they stand for."""
        name, equals, value = words[0].partition("=")
        second, third = [*words[1:3], "", ""][:2]
        if equals and name and not value and _bare(second):  # steps= 100
            return 2, f"{name}={second}"
        if equals and name and value.endswith(",") and _bare(second):  # loss=gan, wgan
            following = _list_after(words)
            return 1 + len(following), f"{name}={value}{''.join(following)}"
        if (equals and name) or name.startswith("~"):
            return 1, words[0]
        if name and second == "=" and _bare(third):  # steps = 100
            return 3, f"{name}={third}"
        if name and second[:1] == "=" and _bare(second[1:]):  # steps =100
            return 2, name + second
        return self._alone(words[0], second if _bare(second) else "")

    def _alone(self, word: str, following: str) -> tuple[int, str]:
        """Do the same for a word with no equals sign beside it."""
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
        likely = named or [f"{name}=VALUE" for name in close]
        return f"did you mean {' or '.join(likely)}?" if likely else help_line()


def _list_after(words: Sequence[str]) -> list[str]:
    """Return the words that belong to the first one, which ends with a comma."""
    found: list[str] = []
    for before, word in itertools.pairwise(words):
        if not (before.endswith(",") and _bare(word)):
            break
        found.append(word)
    return found


def _bare(word: str) -> bool:
    """Return whether a word is there and has no equals sign."""
    return bool(word) and "=" not in word


def refuse_word(word: str, advice: str) -> NoReturn:
    """Raises ConfigError for a word that sets nothing."""
    raise ConfigError(word, inspect.Parameter.empty, advice)


def _type(word: str, *words: str) -> NoReturn:
    refuse_word(word, f"type {_shell(*filter(None, words))}")


def _shell(*words: str) -> str:
    return " ".join(word if " or " in word else shlex.quote(word) for word in words)


def help_line() -> str:
    """Explain what a command line consists of, and how to see all of it."""
    return f"settings are typed as KEY=VALUE; {program('train.py')} --help lists them"
