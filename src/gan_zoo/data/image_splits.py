"""Which images of a folder or zip are used, in which split, and with which label."""

import dataclasses
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

from gan_zoo.data.dataset_json import Table, looked_up
from gan_zoo.data.file_names import natural, shown, shown_some
from gan_zoo.data.splits import (
    NAMES,
    Division,
    divided,
    few,
    hash_split,
    held_out_text,
    no_sample_left,
    shared_folder,
    within,
)

LOOSE = "in no class folder"
BESIDE = "beside the folders of the splits"


@dataclasses.dataclass
class Plan:
    """The images of both splits.

    Attributes:
        splits: names of the images of each split.
        labels: label of each of them.
        class_names: names of the labels; empty where the images are one class without a name.
        split_from: how the splits were made, in a few words.
        excluded: names that are not used, by reason.
        notes: what the user should know about all this, a line each.
    """

    splits: dict[str, list[str]]
    labels: dict[str, int]
    class_names: tuple[str, ...]
    split_from: str
    excluded: dict[str, list[str]]
    notes: list[str]

    @property
    def names(self) -> list[str]:
        """Names of the images of both splits."""
        return [name for members in self.splits.values() for name in members]

    @property
    def num_classes(self) -> int:
        """Number of labels."""
        return max(1, len(self.class_names))


def planned(names: Sequence[str], share: float, tables: Mapping[str, Table]) -> Plan:
    """The plan for all images.

    Args:
        names: normalized paths of the images.
        share: of the images held out where no folders make a test split.
        tables: labels from each dataset.json, by the folder that it lies in, with a slash at its
            end. Those in the folders of classes do not count.

    Raises TableError where a table has labels for some of its images alone.
    """
    division = divided(names, share)
    excluded = {BESIDE: division.beside} if division.beside else {}
    plan = Plan(division.splits, {}, (), division.split_from, excluded, [])
    used = [name for members in division.splits.values() for name in members]
    tables = _in_force(tables, division, used, plan.notes)
    if not tables:
        _label_by_folders(plan, division)
    elif None in tables.values():
        plan.notes.append(f"{_places(tables)} has no labels: all images are one class")
    else:
        _label_by_tables(plan, used, tables)
    _check_splits(plan, division, share)
    return plan


def _in_force(
    tables: Mapping[str, Table], division: Division, used: Sequence[str], notes: list[str]
) -> dict[str, Table]:
    """Tables in the folders around all images, and in the folders of the splits."""
    shared = shared_folder(used)
    splits = {folder for folders in division.folders.values() for folder in folders}
    kept = {
        folder: table
        for folder, table in tables.items()
        if shared.startswith(folder) or folder in splits
    }
    if ignored := sorted(set(tables) - set(kept)):
        notes.append(f"{_places(ignored)} is not used: it is not beside all images, nor of a split")
    return kept


def _places(folders: Sequence[str] | Mapping) -> str:
    return shown_some([f"{folder}dataset.json" for folder in folders])


def _label_by_tables(plan: Plan, used: Sequence[str], tables: dict) -> None:
    """Classes are the labels that occur, in their order."""
    labels = looked_up(used, tables)
    places = {label: place for place, label in enumerate(sorted(set(labels.values())))}
    plan.labels = {name: places[label] for name, label in labels.items()}
    plan.class_names = tuple(map(str, places))
    plan.notes.append(f"labels are those of {_places(tables)}, not the folders")


def _label_by_folders(plan: Plan, division: Division) -> None:
    """Classes are the first folders below the splits, in natural order, if few images lie in none.

    Images of a test folder that are in no class folder have no label, and are excluded however
    many they are.
    """
    inside = division.inside
    judged = division.splits["train"] if division.folders else list(inside)
    deep = [rest for rest in inside.values() if "/" in rest]
    shared = shared_folder([*deep, *(inside[name] for name in judged if "/" not in inside[name])])
    class_of = {name: _class(within(rest, shared)) for name, rest in inside.items()}
    classes = {label for label in class_of.values() if label}
    loose = [name for name in judged if not class_of[name]]
    if len(classes) < 2:
        return
    if not few(len(loose), len(judged)):
        plan.notes.append(
            f"all images are one class, because {len(loose):,} of {len(judged):,} are in no class "
            f"folder, such as {shown_some(loose)}"
        )
        return
    if named := sorted(label for label in classes if label.lower() in NAMES):
        need = "splits need a folder named train and one named test, beside each other"
        plan.notes.append(f"{shown_some(named)} are classes here, not splits: {need}")
    ordered = {label: place for place, label in enumerate(sorted(classes, key=natural))}
    plan.class_names = tuple(map(shown, ordered))
    plan.labels = {name: ordered[label] for name, label in class_of.items() if label}
    for split, members in plan.splits.items():
        plan.splits[split] = [name for name in members if class_of[name]]
    if loose := sorted(name for name, label in class_of.items() if not label):
        plan.excluded[LOOSE] = loose


def _class(inside: str) -> str:
    """The first folder of a path in Unicode's composed form; empty where there is none."""
    folder, slash, _ = inside.partition("/")
    return unicodedata.normalize("NFC", folder) if slash else ""


def _check_splits(plan: Plan, division: Division, share: float) -> None:
    """Hold images out where a test folder is left without; note what is odd about the splits."""
    if division.folders and not plan.splits["test"]:
        plan.splits = hash_split(plan.splits["train"], share)
        plan.split_from = held_out_text(share)
        folders = shown_some(division.folders["test"])
        plan.notes.append(f"no image of {folders} has a class: a share of the others is held out")
    if share and not division.folders and not plan.splits["test"]:
        plan.notes.append(f"dataset.test_share={share:g} {no_sample_left(plan.names, 'test')}")
    present = defaultdict(set)
    for split, members in plan.splits.items():
        present[split] = {plan.labels[name] for name in members if name in plan.labels}
    if only := sorted(present["test"] - present["train"]):
        names = shown_some([plan.class_names[label] for label in only])
        plan.notes.append(f"no training image has the class {names}")
