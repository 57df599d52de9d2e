"""Decoded images kept on disk, so that only the first start has to decode them.

An entry is a folder named by a hash of what it was made from: x.npy, mapped into memory rather
than read, y.npy, and facts.json. It appears whole or not at all.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.schema import ConfigError

FORMAT = 1


class RowWriter:
    """Images and labels written one after the other, however many they turn out to be."""

    def __init__(self, folder: Path, shape: tuple[int, ...]):
        self.folder, self.shape, self.labels = folder, shape, []
        self.digest = hashlib.sha256()
        self._file = (folder / "x.npy").open("wb")
        self._write_header()

    def _write_header(self) -> None:
        # numpy pads headers so that the first axis may grow without moving the data
        described = {"descr": "|u1", "fortran_order": False}
        shape = (len(self.labels), *self.shape)
        np.lib.format.write_array_header_1_0(self._file, {**described, "shape": shape})

    def add(self, image: np.ndarray, label: int) -> None:
        """Append an image, uint8 of the shape given at the start, and its label."""
        content = np.ascontiguousarray(image, np.uint8).reshape(self.shape).data
        self._file.write(content)
        self.digest.update(content)
        self.labels.append(label)

    def close(self, facts: dict[str, Any]) -> None:
        """Complete the files, and have them on the disk before anybody sees them."""
        self._file.seek(0)
        self._write_header()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        np.save(self.folder / "y.npy", np.array(self.labels, np.int64))
        facts = {"format": FORMAT, "digest": self.digest.hexdigest(), **facts}
        (self.folder / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")


def load_or_build(
    location: str,
    key: Any,
    shape: tuple[int, ...],
    build: Callable[[RowWriter], dict[str, Any]],
) -> tuple[InMemoryDataset, dict[str, Any]]:
    """Samples whose images are a mapped file, the facts noted with them, and where (`listed`).

    Args:
        location: folder of all entries.
        key: everything that the images depend on, in a form that JSON can write.
        shape: of one image.
        build: adds all rows and returns facts to note, num_classes at least, class_names,
            split_from and excluded where they are known; called if there is no entry yet.

    Raises ConfigError where the location cannot be used.
    """
    name = hashlib.sha256(json.dumps([FORMAT, shape, key]).encode()).hexdigest()[:24]
    place = Path(location).expanduser() / name
    try:
        found = _read(place)
        if not found:
            place.parent.mkdir(parents=True, exist_ok=True)
            with _alone(place.with_suffix(".lock")):
                found = _read(place)  # another job may have made it meanwhile
                if not found:
                    _make(place, shape, build)
                    found = _read(place)
    except OSError as error:
        allowed = f"cannot be used ({error}); name another folder with dataset.cache"
        raise ConfigError("dataset.cache", location, allowed) from None
    assert found
    x, y, facts = found
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    facts = {**facts, "listed": str(place / "facts.json")}
    return _samples(images, labels, facts), facts


def _samples(images: torch.Tensor, labels: torch.Tensor, facts: dict[str, Any]) -> InMemoryDataset:
    return InMemoryDataset(
        images,
        labels,
        facts["num_classes"],
        facts["digest"],
        class_names=tuple(facts.get("class_names", ())),
        split_from=facts.get("split_from", ""),
        excluded=facts.get("excluded", {}),
    )


def _make(
    place: Path, shape: tuple[int, ...], build: Callable[[RowWriter], dict[str, Any]]
) -> None:
    """Build an entry beside its place, then move it there. A failure leaves nothing behind."""
    partial = place.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    shutil.rmtree(place, ignore_errors=True)  # damaged, or we would have read it
    partial.mkdir()
    try:
        rows = RowWriter(partial, shape)
        rows.close(build(rows))
        partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _read(place: Path) -> tuple[np.ndarray, np.ndarray, dict[str, Any]] | None:
    """Images, labels and facts of an entry; none where it is absent or damaged."""
    try:
        facts = json.loads((place / "facts.json").read_text(encoding="utf-8"))
        # c: a private copy of whatever is written, so that torch may have the pages
        x = np.load(place / "x.npy", mmap_mode="c")
        y = np.load(place / "y.npy")
        return (x, y, facts) if len(x) == len(y) and facts["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time into the block; the lock goes with the process that holds it."""
    import fcntl

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
