"""Overrides on the command line: paths and strings are used as typed.

Hydra's grammar gives a meaning to = , ( ) [ ] { } : quotes, backslashes and spaces, and rejects
letters such as ü. Such values are quoted before Hydra parses them. Values that are quoted already,
interpolations such as ${oc.env:HOME} and, in a sweep, commas keep their meaning.
"""

import re
from collections.abc import Iterable, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString, ValueType
from hydra.errors import HydraException

from gan_zoo.schema import ConfigError, at_home

FOLDERS = {"hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "sweep"}  # never swept over
_PATHS = {"dataset.root", "dataset.cache", "evaluation.cache", "resume"}
_TEXTS = {"dataset.alphabet", "dataset.attribute", "evaluation.monitor"}
_LISTS = {"dataset.fonts"}
MULTIRUN = ("-m", "--multirun", "hydra.mode=MULTIRUN")
AS_TYPED = FOLDERS | _PATHS | _TEXTS | _LISTS

_KEY = re.compile(r"\+{0,2}[\w.$/@][\w.$/@-]*", re.ASCII)
_ORDINARY = re.compile(r"[\w/.~+*?@%|$-]+", re.ASCII)  # characters without a meaning to Hydra
_ITEM = re.compile(  # between commas: quoted, or all up to the next comma outside of ${...}
    r"""\s*(?:('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")\s*(?=,|\Z)|((?:\$\{[^}]*\}|[^,])*))(,|\Z)""",
    re.DOTALL,
)


def wants_sweep(words: Iterable[str]) -> bool:
    """Return whether a command line is one of a sweep."""
    return not {*MULTIRUN}.isdisjoint(words)


def is_sweep(word: str) -> bool:
    """Return whether a word gives several values; False if Hydra cannot parse it."""
    override = parsed(word)
    return override is not None and override.is_sweep_override()


def as_typed(words: Sequence[str]) -> list[str]:
    """Return the words, with values quoted that Hydra would not read as typed.

    Raises ConfigError for a file name in another encoding than UTF-8.
    """
    swept = wants_sweep(words)
    return [_as_typed(word, swept) for word in words]


def unquoted_value(word: str) -> str:
    """Return the value of KEY=VALUE without quotes, or unchanged if Hydra cannot parse it."""
    override = parsed(word)
    return word.partition("=")[2] if override is None else str(override.value())


def parsed(word: str) -> Override | None:
    """Parse an override with Hydra; None if it cannot be parsed."""
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        return None


def _as_typed(word: str, swept: bool) -> str:
    name, _, value = word.partition("=")
    key = name.lstrip("+")
    if not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
        raise ConfigError(
            key, value, "is no UTF-8; rename the file or folder, or make a link to it"
        )
    if not value or not _KEY.fullmatch(name):
        return word
    override = parsed(word)
    if override and (key not in AS_TYPED or (swept and _calls_a_function(override))):
        return word
    if key in _LISTS and value.startswith("[") and value.endswith("]"):
        lists = re.split(r"(?<=\])\s*,\s*(?=\[)", value) if swept else [value]
        return f"{name}={','.join(map(_list, lists))}"
    items = _items(value) if swept and key not in FOLDERS else [value]
    return f"{name}={','.join(_item(item, key) for item in items)}"


def _calls_a_function(override: Override) -> bool:
    """Return whether the value is a function that sweeps, such as choice(a,b)."""
    return override.is_sweep_override() and override.value_type != ValueType.SIMPLE_CHOICE_SWEEP


def _items(text: str) -> list[str]:
    """Split a value at its commas."""
    items, place, comma = [], 0, ","
    while comma:
        found = _ITEM.match(text, place)
        assert found
        items.append((found[1] or found[2]).strip())
        place, comma = found.end(), found[3]
    return items


def _list(text: str) -> str:
    inside = text[1:-1].strip()
    items = [_item(item, "dataset.fonts") for item in _items(inside)] if inside else []
    return f"[{','.join(items)}]"


def _item(text: str, key: str = "") -> str:
    """Return one value, quoted if Hydra would not read it as typed."""
    override = parsed(f"key={text}")
    value = override.value() if override else None
    if isinstance(value, str) and text[:1] in ("'", '"'):  # quoted already
        return quote(_at_home(value, key)) if _at_home(value, key) != value else text
    ordinary = value == text and _ORDINARY.fullmatch(text)
    kept = override and (key not in AS_TYPED or (key in _PATHS and value is None))  # null
    return _at_home(text, key) if ordinary or kept else quote(_at_home(text, key))


def _at_home(text: str, key: str) -> str:
    """Expand `~` where Hydra makes the folder itself, and would not."""
    return at_home(text) if key.startswith("hydra.") else text


def quote(text: str) -> str:
    """Return a text as Hydra's grammar has it in quotes."""
    return QuotedString(text, Quote.single).with_quotes()
