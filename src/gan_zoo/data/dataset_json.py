"""Labels of images in a dataset.json as StyleGAN has it: {"labels": [[name, label], ...]}."""

import json
import unicodedata
from collections.abc import Iterable
from typing import Any

from gan_zoo.data.file_names import normalized, shown, shown_some

Table = dict[str, int] | None  # label of each image by its path; None: the images have no labels


class TableError(ValueError):
    """Why a dataset.json cannot be used, on one line."""


def read_table(content: bytes, place: str) -> tuple[bool, Table]:
    """Whether a dataset.json says anything about labels, and its table of them.

    Raises TableError, naming the place, where it is no such file.
    """
    try:
        loaded = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TableError(f"{shown(place)} is no JSON ({shown(str(error))})") from None
    if not isinstance(loaded, dict):
        raise TableError(f'{shown(place)} must hold an object, {{"labels": [[name, label], ...]}}')
    if "labels" not in loaded:
        return False, None
    if loaded["labels"] is None:
        return True, None
    try:
        return True, _checked(loaded["labels"])
    except ValueError as error:
        remedy = '; take "labels" out of it to have folders as classes'
        raise TableError(f"{shown(place)} {error}{remedy}") from None


def _checked(labels: Any) -> dict[str, int]:
    table: dict[str, int] = {}
    for name, label in _pairs(labels):
        key = table_key(name)
        if isinstance(label, float) and label.is_integer():
            label = int(label)
        if not isinstance(label, int) or isinstance(label, bool) or label < 0:
            given = shown(json.dumps(label))[:60]
            raise ValueError(f"has the label {given} for {shown(name)}, not an integer from 0")
        if table.setdefault(key, label) != label:
            raise ValueError(f"has two labels for {shown(name)}: {table[key]} and {label}")
    return table


def _pairs(labels: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(labels, dict):
        return labels.items()
    if not isinstance(labels, list):
        raise ValueError('must have "labels" of the form [[name, label], ...]')
    for place, pair in enumerate(labels):
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            given = shown(json.dumps(pair))[:60]
            raise ValueError(f'has {given} at place {place} of "labels", not [name, label]')
    return [(name, label) for name, label in labels]


def table_key(name: str) -> str:
    """A path in the form in which tables and files are compared, whatever program wrote it."""
    return unicodedata.normalize("NFC", normalized(name))


def looked_up(names: Iterable[str], tables: dict[str, dict[str, int]]) -> dict[str, int]:
    """The label of each name from the table in the innermost folder around it.

    Args:
        names: paths of images.
        tables: by folder, each with a slash at its end, or empty for the root.

    Raises TableError where a name has no label.
    """
    folders = sorted(tables, key=len, reverse=True)
    labels, missing = {}, []
    for name in names:
        folder = next((folder for folder in folders if name.startswith(folder)), None)
        table = tables[folder] if folder is not None else {}
        label = table.get(table_key(name[len(folder or "") :]), table.get(table_key(name)))
        if label is None:
            missing.append(name)
        else:
            labels[name] = label
    if missing:
        total = f"{len(missing):,} of {len(missing) + len(labels):,} images"
        places = shown_some([f"{folder}dataset.json" for folder in tables])
        remedy = 'add them, or take "labels" out of it to have folders as classes'
        raise TableError(f"{places} has no label for {total} ({shown_some(missing)}); {remedy}")
    return labels
