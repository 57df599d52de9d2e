"""Training and test samples kept apart: by folders that say so, or else by a fixed share."""

import zlib
from collections.abc import Sequence
from pathlib import PurePosixPath

Splits = dict[str, list[str]]

_TRAIN = {"train", "training", "trn"}
_TEST = {"test", "testing", "tst", "val", "valid", "validation"}


def split_by_folder(names: Sequence[str], share: float) -> tuple[Splits, dict[str, str]]:
    """Names with slashes into those of each split; and each name as seen from inside its split.

    Folders that all names share are looked through. Below them, folders named like train and test
    (or val) are the splits, where there are both; otherwise `held_out` decides.
    """
    depth = _common_depth(names)
    inside = {name: name.split("/", depth)[-1] for name in names}
    top = {name: inside[name].partition("/")[0].lower() for name in names}
    tops = {top[name] for name in names if "/" in inside[name]}
    if not (tops & _TRAIN and tops & _TEST):
        return held_out(names, share), inside
    splits = {
        split: [name for name in names if top[name] in folders]
        for split, folders in (("train", _TRAIN), ("test", _TEST))
    }
    return splits, {name: rest.partition("/")[2] for name, rest in inside.items()}


def held_out(names: Sequence[str], share: float) -> Splits:
    """About `share` of the names as the test split, each by a hash of its own.

    A name stays in its split when others come or go.
    """
    splits: Splits = {"train": [], "test": []}
    for name in names:
        splits["test" if zlib.crc32(name.encode()) / 2**32 < share else "train"].append(name)
    return splits


def _common_depth(names: Sequence[str]) -> int:
    """How many folders, from the root downwards, hold all names."""
    parents = [PurePosixPath(name).parent.parts for name in {min(names), max(names)}]
    depth = 0
    # of sorted names the first and the last have in common what all have
    for parts in zip(*parents, strict=False):
        if len(set(parts)) > 1:
            break
        depth += 1
    return depth
