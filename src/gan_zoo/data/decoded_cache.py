"""Decoded images kept on disk, so that only the first start decodes them.

An entry is a folder named by a hash of what it was made from: x.npy, mapped into memory, y.npy and
facts.json. An entry appears whole or not at all.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.schema import ConfigError

FORMAT = 1


class RowWriter:
    """Writes the images and labels of a new entry one after the other."""

    def __init__(self, folder: Path, shape: tuple[int, ...]):
        self.folder, self.shape, self.labels = folder, shape, []
        self.digest = hashlib.sha256()

    def allocate(self, count: int) -> None:
        """Create x.npy for at most `count` images. Raises ConfigError for a disk without room."""
        needed, free = count * math.prod(self.shape), shutil.disk_usage(self.folder).free
        if needed > free:
            allowed = f"needs {needed / 1e9:.1f} GB and has {free / 1e9:.1f} GB free; "
            allowed += "name a folder with room"
            raise ConfigError("dataset.cache", self.folder.parent, allowed)
        path, shape = self.folder / "x.npy", (count, *self.shape)
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        # written as a file: a disk that fills up would kill a process that writes to its mapping
        self._file = path.open("r+b")
        self._file.seek(array.offset)

    def add(self, image: np.ndarray, label: int) -> None:
        """Append an image (uint8, of the entry's shape) and its label."""
        content = np.ascontiguousarray(image, np.uint8).reshape(self.shape).data
        self._file.write(content)
        self.digest.update(content)
        self.labels.append(label)

    def close(self, facts: dict[str, Any]) -> None:
        """Complete the entry on disk."""
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
    """Load an entry's images as a mapped file, with its facts and their path (`listed`).

    Args:
        location: folder of all entries.
        key: everything that the images depend on, as JSON values.
        shape: of one image.
        build: allocates and adds all rows of a new entry; returns its facts: num_classes, and
            class_names, split_from and excluded where they are known.

    Raises ConfigError where the location cannot be used.
    """
    name = hashlib.sha256(json.dumps([FORMAT, shape, key]).encode()).hexdigest()[:24]
    folder = Path(location).expanduser() / name
    try:
        entry = _read(folder)
        if not entry:
            import filelock

            folder.parent.mkdir(parents=True, exist_ok=True)
            # no soft lock: it would stay behind a killed process; where the file system has no
            # locks, an OSError, or two processes would build one entry over each other
            with filelock.FileLock(folder.with_suffix(".lock"), fallback_to_soft=False):
                entry = _read(folder)  # another process may have built it meanwhile
                if not entry:
                    _build(folder, shape, build)
                    entry = _read(folder)
    except OSError as error:
        allowed = f"cannot be used ({error}); name another folder with dataset.cache"
        raise ConfigError("dataset.cache", location, allowed) from None
    assert entry
    x, y, facts = entry
    samples = InMemoryDataset(
        torch.from_numpy(x),
        torch.from_numpy(y),
        facts["num_classes"],
        facts["digest"],
        class_names=tuple(facts.get("class_names", ())),
        split_from=facts.get("split_from", ""),
        excluded=facts.get("excluded", {}),
    )
    return samples, {**facts, "listed": str(folder / "facts.json")}


def _build(
    folder: Path, shape: tuple[int, ...], build: Callable[[RowWriter], dict[str, Any]]
) -> None:
    """Build an entry in a temporary folder, then rename it. A failure leaves nothing behind."""
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    shutil.rmtree(folder, ignore_errors=True)  # damaged, or `_read` would have succeeded
    partial.mkdir()
    try:
        rows = RowWriter(partial, shape)
        rows.close(build(rows))
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _read(folder: Path) -> tuple[np.ndarray, np.ndarray, dict[str, Any]] | None:
    """Read images, labels and facts of an entry; none where it is absent or damaged."""
    try:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        y = np.load(folder / "y.npy")
        # c: a private copy of whatever is written, so that torch may have the pages
        x = np.load(folder / "x.npy", mmap_mode="c")[: len(y)]  # broken images leave room
        return (x, y, facts) if len(x) == len(y) and facts["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
