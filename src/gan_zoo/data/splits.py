"""Division into training and test samples: by folders named so, or else by a fixed share."""

import dataclasses
import zlib
from collections.abc import Iterable, Sequence

from gan_zoo.data.file_names import encode
from gan_zoo.printable import printable

Splits = dict[str, list[str]]

_TRAIN = {"train", "training", "trn"}
_TEST = {"test", "testing", "tst", "val", "valid", "validation"}
NAMES = _TRAIN | _TEST  # of split folders, in any case


@dataclasses.dataclass
class Division:
    """Paths divided into splits.

    Attributes:
        splits: paths of the training and of the test split.
        inside: each path relative to the folder of its split.
        split_from: how they were divided, in a few words.
        folders: folders of the splits, each with a slash at its end; empty where there are none.
        outside: paths outside the folders of the splits.
    """

    splits: Splits
    inside: dict[str, str]
    split_from: str
    folders: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    outside: list[str] = dataclasses.field(default_factory=list)


def split_seed(seed: int, split: str) -> int:
    """Return the seed of a generator that draws a split; torch's seeds have 64 bits."""
    return (2 * seed + ("train", "test").index(split)) % 2**64


def divide(names: Sequence[str], share: float) -> Division:
    """Divide paths into a training and a test split.

    Ignores folders that all paths share, but for a few strays. Below them, folders named like train
    and test (or val) are the splits, where there are both; otherwise `hash_split` decides.
    """
    shared = shared_folder(names)
    inside = {name: relative_to(name, shared) for name in names}
    tops = {name.partition("/")[0] for name in inside.values() if "/" in name}
    folders = {
        split: sorted(top for top in tops if top.lower() in known)
        for split, known in (("train", _TRAIN), ("test", _TEST))
    }
    if not all(folders.values()):
        return Division(hash_split(names, share), inside, held_out_text(share))
    return _by_folders(names, shared, folders)


def _by_folders(names: Sequence[str], shared: str, folders: dict[str, list[str]]) -> Division:
    splits: Splits = {"train": [], "test": []}
    inside, outside = {}, []
    split_of = {f"{shared}{top}/": split for split, tops in folders.items() for top in tops}
    for name in names:
        top, _, rest = relative_to(name, shared).partition("/")
        split = split_of.get(f"{shared}{top}/") if rest else None
        if split is None:
            outside.append(name)
        else:
            splits[split].append(name)
            inside[name] = rest
    paths = {split: [f"{shared}{top}/" for top in tops] for split, tops in folders.items()}
    return Division(splits, inside, _folders_text(folders), paths, outside)


def hash_split(names: Sequence[str], share: float) -> Splits:
    """Put about `share` of the names into the test split, each by its own hash.

    A name stays in its split when others are added or removed.
    """
    splits: Splits = {"train": [], "test": []}
    for name in names:
        splits["test" if zlib.crc32(encode(name)) / 2**32 < share else "train"].append(name)
    return splits


def held_out_text(share: float) -> str:
    """Describe how `hash_split` divides, in a few words."""
    if not share:
        return "no test split (dataset.test_share=0)"
    return f"{share:.3g} of the images held out by a hash of each name (dataset.test_share)"


def no_sample_left(names: Sequence[str], split: str, unit: str = "image") -> str:
    """Explain an empty split, and name the smallest round share that leaves neither empty."""
    text = f"leaves no {unit} for the {split} split; the data has {len(names):,}"
    for share in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        train, test = hash_split(names, share).values()
        if train and test:
            return f"{text}, of which dataset.test_share={share:g} holds out {len(test):,}"
    return text


def few(strays: int, total: int) -> bool:
    """Check whether strays are so few of all files that the folders beside them are intended."""
    return strays <= max(1, total // 10)


def shared_folder(names: Iterable[str]) -> str:
    """Find the innermost folder that holds all paths, but for a few strays in folders above it.

    Returns it with a slash at its end; empty where there is none.
    """
    shared, strays, rest = "", 0, list(names)
    total = len(rest)
    while True:
        below = [name for name in rest if name.find("/", len(shared)) >= 0]
        tops = {name[len(shared) :].partition("/")[0] for name in below}
        strays += len(rest) - len(below)
        if len(tops) != 1 or not few(strays, total):
            return shared
        shared, rest = f"{shared}{tops.pop()}/", below


def relative_to(name: str, shared: str) -> str:
    """Return a path relative to a folder; of a stray above that folder, its last part."""
    if name.startswith(shared):
        return name[len(shared) :]
    parent, _, last = name.rpartition("/")
    return last if shared.startswith(f"{parent}/") else name


def _folders_text(folders: dict[str, list[str]]) -> str:
    train, test = (printable(" and ".join(folders[split])) for split in ("train", "test"))
    return f"folders: {train} for training, {test} for testing"
