"""Record where a run comes from: versions, commit, uncommitted changes, machine, command."""

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
_MAX_PATCH = 1 << 20  # bytes
_MAX_UNTRACKED = 50  # untracked files listed in a summary
_TIMEOUT = 20  # seconds


def provenance(device: torch.device, folder: Path) -> dict[str, Any]:
    """Return facts that distinguish two runs of the same configuration.

    Uncommitted changes of the code are written into the run's folder as a patch.
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
    """Return the command that trains this run again; None if its overrides were not saved."""
    try:
        return reproduce_command(
            yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_bytes()) or ()
        )
    except OSError:
        return None


def _git(code: Path, patch: Path) -> dict[str, Any]:
    """Return the commit of the working tree that this code runs from, and its changes."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *words], cwd=code.parent, capture_output=True, timeout=_TIMEOUT
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.decode(errors="replace") if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", code.name) is None:
        return {"git_commit": None, "git_dirty": None}  # installed, whatever is around it
    status = (git("status", "--porcelain") or "").splitlines()
    untracked = [line[3:] for line in status if line.startswith("??")]
    return {
        "git_commit": (git("rev-parse", "HEAD") or "").strip() or None,
        "git_dirty": bool(status),
        "git_untracked": untracked[:_MAX_UNTRACKED],
        "git_patch": _write_patch(git, patch),
    }


def _write_patch(git: Callable[..., str | None], patch: Path) -> str | None:
    """Write a patch for `git apply`; return its name, why there is none, or None."""
    changes = git("diff", "HEAD", "--binary", "--no-ext-diff", "--no-color") or ""
    patch.unlink(missing_ok=True)
    if not changes:
        return None
    size = len(changes.encode())
    if size > _MAX_PATCH:
        return f"not kept: {size / 1e6:.1f} MB of changes"
    try:
        patch.write_text(changes, encoding="utf-8", newline="")
    except OSError as error:  # no reason not to train
        return f"not kept: {error.strerror}"
    return patch.name
