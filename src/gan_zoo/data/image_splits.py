"""The plan of a folder or zip of images: which are used, in which split, with which label."""

import dataclasses
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

from gan_zoo.data.dataset_json import Table, look_up
from gan_zoo.data.file_names import natural_key
from gan_zoo.data.splits import (
    NAMES,
    Division,
    divide,
    few,
    hash_split,
    held_out_text,
    no_sample_left,
    relative_to,
    shared_folder,
)
from gan_zoo.printable import list_names, printable

_NO_CLASS = "in no class folder"
_NO_SPLIT = "beside the folders of the splits"


@dataclasses.dataclass
class ImageSplits:
    """Images, labels and class names of both splits.

    Attributes:
        splits: names of the images of each split.
        labels: label of each of them.
        class_names: names of the labels; empty where the images are one class without a name.
        split_from: how the splits were made, in a few words.
        excluded: names of unused images, by reason.
        notes: lines for the log.
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


def plan_images(names: Sequence[str], share: float, tables: Mapping[str, Table]) -> ImageSplits:
    """Plan the splits and labels of all images.

    Args:
        names: normalized paths of the images.
        share: of the images held out where no folders make a test split.
        tables: labels from each dataset.json, by its folder with a slash at the end. Those in
            class folders are ignored.

    Raises TableError where a table lacks labels for some of its images.
    """
    division = divide(names, share)
    excluded = {_NO_SPLIT: division.outside} if division.outside else {}
    plan = ImageSplits(division.splits, {}, (), division.split_from, excluded, [])
    used = [name for members in division.splits.values() for name in members]
    tables = _select_tables(tables, division, used, plan.notes)
    if not tables:
        _label_by_folders(plan, division)
    elif None in tables.values():
        unlabeled = [folder for folder, table in tables.items() if table is None]
        plan.notes.append(f"{_paths(unlabeled)} has no labels: all images are one class")
    else:
        _label_by_tables(plan, used, tables)
    _check_splits(plan, division, share)
    return plan


def _select_tables(
    tables: Mapping[str, Table], division: Division, used: Sequence[str], notes: list[str]
) -> dict[str, Table]:
    """Select the tables in folders that hold all images, and in the folders of the splits."""
    shared = shared_folder(used)
    splits = {folder for folders in division.folders.values() for folder in folders}
    kept = {
        folder: table
        for folder, table in tables.items()
        if shared.startswith(folder) or folder in splits
    }
    if ignored := sorted(set(tables) - set(kept)):
        notes.append(f"{_paths(ignored)} is not used: it is not beside all images, nor of a split")
    return kept


def _paths(folders: Sequence[str] | Mapping) -> str:
    return list_names([f"{folder}dataset.json" for folder in folders])


def _label_by_tables(plan: ImageSplits, used: Sequence[str], tables: dict) -> None:
    """Make the labels that occur the classes, in ascending order."""
    labels = look_up(used, tables)
    indices = {label: index for index, label in enumerate(sorted(set(labels.values())))}
    plan.labels = {name: indices[label] for name, label in labels.items()}
    plan.class_names = tuple(map(str, indices))
    plan.notes.append(f"labels are those of {_paths(tables)}, not the folders")


def _label_by_folders(plan: ImageSplits, division: Division) -> None:
    """Make the first folders below the splits the classes, if few images lie in none.

    Classes are in natural order. Images of a test folder that are in no class folder have no label,
    and are excluded however many they are; so are those of a test folder that has none of two or
    more training classes, as Tiny ImageNet's val/images.
    """
    inside = division.inside
    training = division.splits["train"] if division.folders else list(inside)
    deep = [rest for rest in inside.values() if "/" in rest]
    flat = [inside[name] for name in training if "/" not in inside[name]]
    shared = shared_folder([*deep, *flat])
    class_of = {name: _class(relative_to(rest, shared)) for name, rest in inside.items()}
    trained = {class_of[name] for name in training}
    has_classes = len(trained - {""}) > 1
    for folder in division.folders.get("test", ()):
        tested = [name for name in plan.splits["test"] if name.startswith(folder)]
        if has_classes and not any(class_of[name] in trained for name in tested):
            class_of |= dict.fromkeys(tested, "")
    classes = {label for label in class_of.values() if label}
    loose = [name for name in training if not class_of[name]]
    if len(classes) < 2:
        return
    if not few(len(loose), len(training)):
        plan.notes.append(
            f"all images are one class, because {len(loose):,} of {len(training):,} are in no "
            f"class folder, such as {list_names(loose)}"
        )
        return
    if named := sorted(label for label in classes if label.lower() in NAMES):
        need = "splits need a folder named train and one named test, beside each other"
        plan.notes.append(f"{list_names(named)} are classes here, not splits: {need}")
    indices = {label: index for index, label in enumerate(sorted(classes, key=natural_key))}
    plan.class_names = tuple(map(printable, indices))
    plan.labels = {name: indices[label] for name, label in class_of.items() if label}
    for split, members in plan.splits.items():
        plan.splits[split] = [name for name in members if class_of[name]]
    if loose := sorted(name for name, label in class_of.items() if not label):
        plan.excluded[_NO_CLASS] = loose


def _class(inside: str) -> str:
    """Return the first folder of a path in Unicode's composed form; empty without a folder."""
    folder, slash, _ = inside.partition("/")
    return unicodedata.normalize("NFC", folder) if slash else ""


def _check_splits(plan: ImageSplits, division: Division, share: float) -> None:
    """Hold images out where all of a test folder are excluded; note problems of the splits."""
    if division.folders and not plan.splits["test"]:
        plan.splits = hash_split(plan.splits["train"], share)
        plan.split_from = held_out_text(share)
        folders = list_names(division.folders["test"])
        plan.notes.append(f"no image of {folders} has a class: a share of the others is held out")
    if share and not division.folders and not plan.splits["test"]:
        plan.notes.append(f"dataset.test_share={share:g} {no_sample_left(plan.names, 'test')}")
    present = defaultdict(set)
    for split, members in plan.splits.items():
        present[split] = {plan.labels[name] for name in members if name in plan.labels}
    if only := sorted(present["test"] - present["train"]):
        names = list_names([plan.class_names[label] for label in only])
        plan.notes.append(f"no training image has the class {names}")
