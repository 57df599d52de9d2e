"""Checkpoints: plain values and tensors in one file, written whole or not at all."""

import contextlib
import copy
import logging
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gan_zoo.atomic_write import atomic_write
from gan_zoo.run_folder import run_above, step_files
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import Stopped

if TYPE_CHECKING:
    from gan_zoo.training.trainer import Trainer

log = logging.getLogger(__name__)

FORMAT = 2

_LARGEST, _MOST_VALUES, _DEEPEST = 1 << 53, 1_000_000, 30  # a file can claim anything
_KEPT = 2  # checkpoints: the newest, and the previous one in case that is damaged


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint; a crash at any moment leaves the old file or the new one, never half.

    Raises OSError if that fails, and leaves no part of the file.
    """
    try:
        with atomic_write(path) as file:
            torch.save(_on_cpu({"format": FORMAT, **content}), file)
    except RuntimeError as error:  # torch wraps the file's error into its own
        reason = error.__context__
        raise (reason if isinstance(reason, OSError) else error) from None


def _on_cpu(node: Any) -> Any:
    """Return a tree of values with all tensors on the CPU: files do not depend on the device.

    Slices are copied: torch would save the whole tensor that they are part of.
    """
    if isinstance(node, torch.Tensor):
        x = node.cpu()
        return x.clone() if x.untyped_storage().nbytes() > x.nbytes else x
    if isinstance(node, dict):
        copied = copy.copy(node)  # keeps the attributes of a state_dict
        copied.update({key: _on_cpu(value) for key, value in node.items()})
        return copied
    return [*map(_on_cpu, node)] if isinstance(node, list) else node


def try_save(path: Path, content: dict[str, Any]) -> str:
    """Write a checkpoint, or log a warning. Returns why it failed; empty if it did not."""
    try:
        save(path, content)
    except OSError as error:
        log.warning("%s could not be written: %s; going on", path, error.strerror)
        return str(error.strerror)
    return ""


def load(path: Path) -> dict[str, Any]:
    """Read a run's checkpoint onto the CPU. Raises ConfigError for any other file."""
    content = read(path)
    shape = content.get("shape")
    valid = all(isinstance(content.get(key), dict) for key in ("config", "health"))
    valid = valid and isinstance(shape, (tuple, list))
    counts = [content.get(key) for key in ("step", "num_classes", "loader_position")]
    counts += shape if valid else []
    if not valid or not all(isinstance(n, int) and 0 <= n <= _LARGEST for n in counts):
        allowed = "holds no configuration, step, shape, position and health of a run"
        raise ConfigError("checkpoint", path, allowed)
    return content


def read(path: Path) -> dict[str, Any]:
    """Read a file that `save` has written. Raises ConfigError for any other file."""
    try:
        _verify(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        valid = _is_small(content, path.stat().st_size)
    except OSError as error:
        raise ConfigError("checkpoint", path, f"cannot be read: {error.strerror}") from None
    except Exception:  # damaged or hostile bytes can make a reader fail in any way
        # torch's own message recommends unsafe loading
        raise ConfigError("checkpoint", path, "is damaged, or no checkpoint") from None
    if not valid or not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ConfigError("checkpoint", path, f"is no gan_zoo checkpoint of format {FORMAT}")
    return content


def _verify(path: Path) -> None:
    """Raise BadZipFile if a checksum fails, or if data would expand as it is read."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        overlapping = sum(entry.file_size for entry in entries) > path.stat().st_size
        if compressed or overlapping or archive.testzip() is not None:
            raise zipfile.BadZipFile(path)


def _is_small(content: Any, size: int) -> bool:
    """Return whether this is a tree of few enough values, its tensors at most `size` bytes."""
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


def path_of(folder: Path, step: int) -> Path:
    """Return the path of the checkpoint of a step."""
    return folder / f"{step:08d}.pt"


def latest_valid(folder: Path) -> dict[str, Any] | None:
    """Read the newest checkpoint of a folder that is not damaged; None if there is none.

    Warns of every newer damaged one. Raises ConfigError if all are damaged.
    """
    found = _newest_valid(folder)
    return found[1] if found else None


def load_latest(run_or_checkpoint: Path) -> tuple[Path, dict[str, Any]]:
    """Load a checkpoint, or the newest of a run's folder that can be read, as `latest_valid`.

    Raises ConfigError if there is none.
    """
    newest = latest_path(run_or_checkpoint)
    found = None if newest == run_or_checkpoint else _newest_valid(newest.parent)
    return found or (newest, load(newest))


def _newest_valid(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    paths = step_files(folder, ".pt")[::-1]
    for path in paths:
        try:
            return path, load(path)
        except ConfigError as error:
            if path != paths[-1]:
                log.warning("%s; falling back to the previous checkpoint", error)
                continue
            best = folder / "best.pt"
            named = f"name {best} instead, or " if best.is_file() else ""
            remedy = f"{named}delete {folder} to train again from step 0"
            allowed = f"{error.allowed}, and there is no older one: {remedy}"
            raise ConfigError(error.key, error.value, allowed) from None
    return None


@contextlib.contextmanager
def must_fit(step: int, place: Path) -> Iterator[None]:
    """Raise ConfigError where loading the state of a checkpoint fails inside.

    place: of the checkpoint, for the message.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception:  # a valid file, but of other networks, or a hostile one
        allowed = f"the state of step {step} does not fit the settings"
        raise ConfigError("checkpoint", place, allowed) from None


def delete_after(folder: Path, step: int) -> None:
    """Delete checkpoints of later steps, which training will replace, and partial files."""
    later = (path for path in step_files(folder, ".pt") if int(path.stem) > step)
    for path in (*later, *folder.glob("*.partial")):
        path.unlink()


def latest_path(run_or_checkpoint: Path) -> Path:
    """Return a checkpoint itself, or the newest one of a run's folder. Raises ConfigError."""
    if run_or_checkpoint.is_file():
        return run_or_checkpoint
    if not run_or_checkpoint.exists():
        raise ConfigError("run", run_or_checkpoint, f"does not exist{run_above(run_or_checkpoint)}")
    found = step_files(run_or_checkpoint / "checkpoints", ".pt")
    if not found:
        best = run_or_checkpoint / "checkpoints/best.pt"
        allowed = f"holds no checkpoints/*.pt{run_above(run_or_checkpoint)}"
        if best.is_file():
            allowed = f"holds no other checkpoint than {best}: name that file"
        raise ConfigError("checkpoint", run_or_checkpoint, allowed)
    return found[-1]


def results_folder(run_or_checkpoint: Path) -> Path:
    """Return the folder for what is made from a checkpoint: its run's, else the one it is in."""
    if run_or_checkpoint.is_dir():
        return run_or_checkpoint
    for path in (run_or_checkpoint, run_or_checkpoint.resolve()):
        if path.parent.name == "checkpoints":
            return path.parent.parent
    return run_or_checkpoint.parent


def evaluation_name(run_or_checkpoint: Path) -> str:
    """Return the name of an evaluation's results: `evaluation` for a run, or its newest checkpoint.

    Those of best.pt and of older checkpoints have another: reports compare runs at their ends. So
    has each of several checkpoints in a folder that is no run's.
    """
    path = run_or_checkpoint
    numbered = step_files(results_folder(path) / "checkpoints", ".pt")
    newest = [numbered[-1].name] if numbered else [each.name for each in path.parent.glob("*.pt")]
    is_end = path.is_dir() or newest == [path.name]
    return "evaluation" if is_end else f"evaluation-{path.stem}"


def prune(folder: Path, count: int) -> None:
    """Delete all but the newest checkpoints of a folder."""
    for old in step_files(folder, ".pt")[:-count]:
        old.unlink()


class CheckpointSaver:
    """Writes the checkpoints of a run, keeps the newest ones, and saves before an exception.

    Args:
        folder: of the checkpoints.
        content: returns a checkpoint's content; raises DivergedError for non-finite weights.
    """

    def __init__(self, folder: Path, trainer: "Trainer", content: Callable[[], dict[str, Any]]):
        self.folder, self.trainer, self.content = folder, trainer, content
        self._saved = trainer.step if self._path.exists() else -1
        self._failure = ""  # why the last checkpoint could not be written

    @property
    def _path(self) -> Path:
        return path_of(self.folder, self.trainer.step)

    @property
    def is_current(self) -> bool:
        """Whether the newest checkpoint is of exactly the present state."""
        return self._saved == self.trainer.step and not self.trainer.midway

    def save(self) -> None:
        """Write a checkpoint and delete the oldest; log a warning if that fails."""
        self._failure = try_save(self._path, self.content())
        if not self._failure:
            self._saved = self.trainer.step
            prune(self.folder, _KEPT)

    def rescue(self) -> None:
        """Save the state, if it is valid, before an exception ends the run; raises nothing."""
        if self.is_current:
            return
        step = self.trainer.step
        try:
            self.save()
        except Exception as error:
            log.warning("step %s could not be saved: %s", step, " ".join(str(error).split()))
            return
        if self.trainer.midway and not self._failure:
            log.warning("saved during step %s: the resumed run will differ slightly", step + 1)

    def check(self) -> None:
        """Raise Stopped if the last checkpoint could not be written."""
        if self._failure:
            where = f"step {self.trainer.step} could not be saved in {self.folder}"
            raise Stopped(f"{where}: {self._failure}")
