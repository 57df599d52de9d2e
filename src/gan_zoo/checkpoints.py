"""Checkpoints: plain values and tensors in one file, written whole or not at all."""

import logging
import zipfile
from pathlib import Path
from typing import Any

import torch

from gan_zoo.atomic_write import atomic_write
from gan_zoo.schema import ConfigError

log = logging.getLogger(__name__)

FORMAT = 2

_NUMBERED = "[0-9]*.pt"  # best.pt beside them is kept by somebody else
_LARGEST, _MOST_VALUES, _DEEPEST = 1 << 53, 1_000_000, 30  # a file can claim anything


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint; a crash at any moment leaves the old file or the new one, never half.

    Raises OSError where it cannot be written, and leaves nothing of it.
    """
    try:
        with atomic_write(path) as file:
            torch.save({"format": FORMAT, **content}, file)
    except RuntimeError as error:  # torch wraps the file's error into one of its own
        reason = error.__context__
        raise (reason if isinstance(reason, OSError) else error) from None


def try_save(path: Path, content: dict[str, Any]) -> str:
    """Write a checkpoint, or warn. Returns why it could not be written; empty where it was."""
    try:
        save(path, content)
    except OSError as error:
        log.warning("%s could not be written: %s; continuing training", path, error.strerror)
        return str(error.strerror)
    return ""


def load(path: Path) -> dict[str, Any]:
    """Read a run's checkpoint onto the CPU. Raises ConfigError for a file that is none."""
    content = read(path)
    config, shape = content.get("config"), content.get("shape")
    counts = [content.get(key) for key in ("step", "num_classes", "loader_position")]
    if isinstance(shape, (tuple, list)):
        counts += shape
    sound = isinstance(config, dict) and isinstance(shape, (tuple, list))
    if not sound or not all(isinstance(n, int) and 0 <= n <= _LARGEST for n in counts):
        allowed = "holds no configuration, step, shape and position of a run"
        raise ConfigError("checkpoint", path, allowed)
    return content


def read(path: Path) -> dict[str, Any]:
    """Read any file that `save` has written. Raises ConfigError for one that it has not."""
    try:
        _verify(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        sound = _is_small(content, path.stat().st_size)
    except OSError as error:
        raise ConfigError("checkpoint", path, f"cannot be read: {error.strerror}") from None
    except Exception:  # the bytes of a stranger can make a reader fail in any way
        # torch's own message would advise to load it unsafely
        raise ConfigError("checkpoint", path, "is damaged, or no checkpoint") from None
    if not sound or not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ConfigError("checkpoint", path, f"is no gan_zoo checkpoint of format {FORMAT}")
    return content


def _verify(path: Path) -> None:
    """Raises BadZipFile where a checksum fails, or where data would swell as it is read."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        swelling = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        overlapping = sum(entry.file_size for entry in entries) > path.stat().st_size
        if swelling or overlapping or archive.testzip() is not None:
            raise zipfile.BadZipFile(path)


def _is_small(content: Any, size: int) -> bool:
    """Whether this is a tree of not too many values, its tensors no larger than `size` bytes.

    A file of a few bytes can say that a tensor has a trillion elements, or that a list holds
    itself.
    """
    nodes, visited = [(content, 0)], 0
    while nodes:
        node, depth = nodes.pop()
        visited += 1
        if visited > _MOST_VALUES or depth > _DEEPEST:
            return False
        if isinstance(node, torch.Tensor) and not (node.is_cpu and node.nbytes <= size):
            return False
        children = node.values() if isinstance(node, dict) else node
        if isinstance(node, (dict, list, tuple)):
            nodes += [(child, depth + 1) for child in children]
    return True


def latest_valid(folder: Path) -> dict[str, Any] | None:
    """Content of the newest checkpoint in a folder that can be read, if there is one.

    Warns of every newer one that cannot. Raises ConfigError if there are some and none can.
    """
    damaged = None
    for path in sorted(folder.glob(_NUMBERED), reverse=True):
        try:
            return load(path)
        except ConfigError as error:
            log.warning("%s; falling back to the previous checkpoint", error)
            damaged = error
    if damaged is not None:
        raise damaged
    return None


def delete_after(folder: Path, step: int) -> None:
    """Delete checkpoints of later steps, for training goes another way, and half-written ones."""
    for path in folder.glob(_NUMBERED):
        if path.stem.isdecimal() and int(path.stem) > step:
            path.unlink()
    for path in folder.glob("*.partial"):
        path.unlink()


def latest_path(run_or_checkpoint: Path) -> Path:
    """A checkpoint itself, or the newest one of a run's folder. Raises ConfigError if none."""
    if run_or_checkpoint.is_file():
        return run_or_checkpoint
    if not run_or_checkpoint.exists():
        raise ConfigError("run", run_or_checkpoint, "does not exist")
    found = sorted(run_or_checkpoint.glob(f"checkpoints/{_NUMBERED}"))
    if not found:
        raise ConfigError("checkpoint", run_or_checkpoint, "holds no checkpoints/*.pt")
    return found[-1]


def prune(folder: Path, count: int) -> None:
    """Delete all but the newest checkpoints of a folder."""
    for old in sorted(folder.glob(_NUMBERED))[:-count]:
        old.unlink()
