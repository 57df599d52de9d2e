"""Checkpoints: plain values and tensors in one file, written whole or not at all."""

import logging
import os
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from gan_zoo.schema import SettingError

log = logging.getLogger(__name__)

FORMAT = 1

_NUMBERED = "[0-9]*.pt"  # best.pt beside them is kept by somebody else


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint; a crash at any moment leaves the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save({"format": FORMAT, **content}, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU. Raises SettingError for a file that is not one of ours."""
    try:
        _verify(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SettingError("checkpoint", path, f"cannot be read: {error.strerror}") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        ValueError,
        pickle.UnpicklingError,
        EOFError,
    ):
        # torch's own message would advise to load it unsafely
        raise SettingError("checkpoint", path, "is damaged, or no checkpoint") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SettingError("checkpoint", path, f"is no gan_zoo checkpoint of format {FORMAT}")
    return content


def _verify(path: Path) -> None:
    """Raises BadZipFile where a checksum fails, or where data would swell as it is read."""
    with zipfile.ZipFile(path) as archive:
        swelling = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
        if swelling or archive.testzip() is not None:
            raise zipfile.BadZipFile(path)


def newest_sound(folder: Path) -> dict[str, Any] | None:
    """Content of the newest checkpoint in a folder that can be read, if there is one.

    Warns of every newer one that cannot. Raises SettingError if there are some and none can.
    """
    damaged = None
    for path in sorted(folder.glob(_NUMBERED), reverse=True):
        try:
            return load(path)
        except SettingError as error:
            log.warning("%s; going back to the one before", error)
            damaged = error
    if damaged is not None:
        raise damaged
    return None


def forget_after(folder: Path, step: int) -> None:
    """Delete the checkpoints of later steps: training goes another way from here."""
    for path in folder.glob("*.pt"):
        if path.stem.isdecimal() and int(path.stem) > step:
            path.unlink()


def newest(run_or_checkpoint: Path) -> Path:
    """A checkpoint itself, or the newest one of a run's folder. Raises SettingError if none."""
    if run_or_checkpoint.is_file():
        return run_or_checkpoint
    found = sorted(run_or_checkpoint.glob(f"checkpoints/{_NUMBERED}"))
    if not found:
        raise SettingError("checkpoint", run_or_checkpoint, "holds no checkpoints/*.pt")
    return found[-1]


def keep_newest(folder: Path, count: int) -> None:
    """Delete all but the newest checkpoints of a folder."""
    for old in sorted(folder.glob(_NUMBERED))[:-count]:
        old.unlink()
