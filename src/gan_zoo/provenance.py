"""Where a run came from: versions, commit, what was changed since, machine, command."""

import platform
import subprocess
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
import yaml

from gan_zoo.run_folder import reproduce_command

_PACKAGES = ("gan-zoo", "torch", "torchvision", "numpy", "pillow", "hydra-core", "tensorboard")


_PATCH = "changes.patch"
_LARGEST = 1 << 20  # bytes of it
_NAMED = 50  # untracked files that a summary names
_PATIENCE = 20  # seconds for git's answer


def provenance(device: torch.device, folder: Path) -> dict[str, Any]:
    """Facts that tell two runs of the same configuration apart.

    What the code's working tree has changed since its commit is left in the run's folder.
    """
    on_cuda = device.type.startswith("cuda")
    name = torch.cuda.get_device_name(device) if on_cuda else platform.machine()
    return {
        "device": str(device),
        "device_name": name,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in _PACKAGES},
        "command": _command(folder),
        **_git(Path(__file__), folder / _PATCH),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _command(folder: Path) -> str | None:
    """The command that trains this run again; None where nobody noted what it was started with."""
    try:
        return reproduce_command(
            yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_bytes()) or ()
        )
    except OSError:
        return None


def _git(code: Path, patch: Path) -> dict[str, Any]:
    """Commit of the working tree that this code runs from, and what was changed in it."""

    def ask(*words: str) -> str | None:
        try:
            asked = subprocess.run(
                ["git", *words], cwd=code.parent, capture_output=True, timeout=_PATIENCE
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return asked.stdout.decode(errors="replace") if asked.returncode == 0 else None

    if ask("ls-files", "--error-unmatch", code.name) is None:
        return {"git_commit": None, "git_dirty": None}  # installed, whatever is around it
    status = (ask("status", "--porcelain") or "").splitlines()
    untracked = [line[3:] for line in status if line.startswith("??")]
    return {
        "git_commit": (ask("rev-parse", "HEAD") or "").strip() or None,
        "git_dirty": bool(status),
        "git_untracked": untracked[:_NAMED],
        "git_patch": _keep_patch(ask, patch),
    }


def _keep_patch(ask: Callable[..., str | None], patch: Path) -> str | None:
    """Write what `git apply` needs; its name, or why there is none, or None for no changes."""
    changes = ask("diff", "HEAD", "--binary", "--no-ext-diff", "--no-color") or ""
    patch.unlink(missing_ok=True)
    if not changes:
        return None
    size = len(changes.encode())
    if size > _LARGEST:
        return f"not kept: {size / 1e6:.1f} MB of changes"
    try:
        patch.write_text(changes, encoding="utf-8", newline="")
    except OSError as error:  # no reason not to train
        return f"not kept: {error.strerror}"
    return patch.name
