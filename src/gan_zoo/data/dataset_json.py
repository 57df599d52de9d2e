"""Labels of images from a dataset.json, in StyleGAN's format: {"labels": [[name, label], ...]}."""

import json
import unicodedata
from collections.abc import Iterable
from typing import Any

from gan_zoo.data.file_names import normalize
from gan_zoo.printable import list_names, printable

Table = dict[str, int] | None  # label of each image by its path; None: the images have no labels


class TableError(ValueError):
    """The reason why a dataset.json cannot be used, on one line."""


def read_table(content: bytes, path: str) -> tuple[bool, Table]:
    """Read whether a dataset.json has "labels", and its table of them.

    Raises TableError, naming the path, for a file in another format.
    """
    try:
        loaded = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TableError(f"{printable(path)} is no JSON ({printable(str(error))})") from None
    if not isinstance(loaded, dict):
        raise TableError(
            f'{printable(path)} must hold an object, {{"labels": [[name, label], ...]}}'
        )
    if "labels" not in loaded:
        return False, None
    if loaded["labels"] is None:
        return True, None
    try:
        return True, _check_table(loaded["labels"])
    except ValueError as error:
        remedy = '; take "labels" out of it to have folders as classes'
        raise TableError(f"{printable(path)} {error}{remedy}") from None


def _check_table(labels: Any) -> dict[str, int]:
    table: dict[str, int] = {}
    for name, label in _pairs(labels):
        key = table_key(name)
        if isinstance(label, float) and label.is_integer():
            label = int(label)
        if not isinstance(label, int) or isinstance(label, bool) or label < 0:
            value = printable(json.dumps(label))[:60]
            raise ValueError(f"has the label {value} for {printable(name)}, not an integer from 0")
        if table.setdefault(key, label) != label:
            raise ValueError(f"has two labels for {printable(name)}: {table[key]} and {label}")
    return table


def _pairs(labels: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(labels, dict):
        return labels.items()
    if not isinstance(labels, list):
        raise ValueError('must have "labels" of the form [[name, label], ...]')
    for index, pair in enumerate(labels):
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            value = printable(json.dumps(pair))[:60]
            raise ValueError(f'has {value} at index {index} of "labels", not [name, label]')
    return [(name, label) for name, label in labels]


def table_key(name: str) -> str:
    """Normalize a path of a table or file for comparison, whatever program wrote it."""
    return unicodedata.normalize("NFC", normalize(name))


def look_up(names: Iterable[str], tables: dict[str, dict[str, int]]) -> dict[str, int]:
    """Look up the label of each name in the table of the innermost folder around it.

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
        paths = list_names([f"{folder}dataset.json" for folder in tables])
        remedy = 'add them, or take "labels" out of it to have folders as classes'
        raise TableError(f"{paths} has no label for {total} ({list_names(missing)}); {remedy}")
    return labels
