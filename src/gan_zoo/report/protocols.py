"""Names of metric protocols that a comparison keeps apart: what differs between them, in words."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from gan_zoo.report.factors import canonical, format_value

_UNKNOWN = "protocol not stated"
_WORDS = {"n": "num_samples", "n_reference": "reference samples"}
_ABSENT = "not stated"
_CHOSEN = ("n", "seed")  # they decide which reference samples are taken
_FOLLOWING = ("n_reference", "reference_fingerprint")


def protocol_names(protocols: Iterable[str]) -> dict[str, str]:
    """Return a name for each protocol, such as num_samples 2,000; names differ as protocols do.

    protocols: of one metric, as `Run.protocol` returns them; an empty one is not stated.
    """
    stated = {text: json.loads(text) for text in sorted(protocols) if text}
    names = {text: text for text in stated}
    if all(isinstance(each, Mapping) for each in stated.values()):
        keys = _differing(list(stated.values()))
        short = {text: _name(each, keys) for text, each in stated.items()}
        names = short if len({*short.values()}) == len(short) else names
    return {"": _UNKNOWN, **names}


def largest_sample(protocols: Iterable[str]) -> int | None:
    """Return the largest number of generated samples in protocols; None where none states it."""
    contents = [json.loads(text) for text in protocols if text]
    counts = [each.get("n") for each in contents if isinstance(each, Mapping)]
    return max((count for count in counts if isinstance(count, int)), default=None)


def _differing(contents: Collection[Mapping[str, Any]]) -> list[str]:
    """Return the keys that tell protocols apart, without those that follow from others."""
    keys = list(dict.fromkeys(key for each in contents for key in (*_CHOSEN, *each)))
    found = [key for key in keys if len({canonical(each.get(key)) for each in contents}) > 1]
    if len(contents) == 1:
        return ["n"] if "n" in next(iter(contents)) else keys
    chosen = {canonical([each.get(key) for key in _CHOSEN]) for each in contents}
    both = {canonical([each.get(k) for k in (*_CHOSEN, *_FOLLOWING)]) for each in contents}
    follows = len(chosen) == len(both)
    return [key for key in found if not (follows and key in _FOLLOWING)]


def _name(content: Mapping[str, Any], keys: Iterable[str]) -> str:
    return ", ".join(f"{_WORDS.get(key, key)} {_value(content.get(key))}" for key in keys)


def _value(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return _ABSENT if value is None else format_value(value)
