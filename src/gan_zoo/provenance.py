"""Where a run came from: versions, commit, uncommitted changes, machine, command."""

import platform
import subprocess
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gan_zoo.setting_keys import reproduce_command

if TYPE_CHECKING:
    import torch

_PACKAGES = ("gan-zoo", "torch", "torchvision", "numpy", "pillow", "hydra-core", "tensorboard")

_PATCH = "changes.patch"
_MOST_BYTES = 1 << 20  # of the patch
_MOST_NAMES = 50  # untracked files in a summary
_TIMEOUT = 20  # seconds for git


def provenance(device: "torch.device", folder: Path) -> dict[str, Any]:
    """Return facts that distinguish two runs of the same configuration.

    Writes uncommitted changes of the code's working tree into the run's folder.
    """
    import torch

    from gan_zoo.devices import device_name

    return {
        "device": str(device),
        "device_name": device_name(device),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {package: package_version(package) for package in _PACKAGES},
        "command": _command(folder),
        **_git(Path(__file__), folder / _PATCH),
    }


def package_version(package: str) -> str | None:
    """Return the version of an installed package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _command(folder: Path) -> str | None:
    """Return the command that repeats this run; None if its overrides were not saved."""
    try:
        return reproduce_command(
            yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_bytes()) or ()
        )
    except OSError:
        return None


def _git(code: Path, patch: Path) -> dict[str, Any]:
    """Return the commit of the working tree that contains this code, and its changes."""

    def git(*words: str) -> str | None:
        try:
            ran = subprocess.run(
                ["git", *words], cwd=code.parent, capture_output=True, timeout=_TIMEOUT
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return ran.stdout.decode(errors="replace") if ran.returncode == 0 else None

    if git("ls-files", "--error-unmatch", code.name) is None:
        return {"git_commit": None, "git_dirty": None}  # an installed package in some work tree
    status = (git("status", "--porcelain") or "").splitlines()
    untracked = [line[3:] for line in status if line.startswith("??")]
    return {
        "git_commit": (git("rev-parse", "HEAD") or "").strip() or None,
        "git_dirty": bool(status),
        "git_untracked": untracked[:_MOST_NAMES],
        "git_patch": _write_patch(git, patch),
    }


def _write_patch(git: Callable[..., str | None], patch: Path) -> str | None:
    """Write a patch for `git apply`; returns its name, or why it failed; None for no changes."""
    changes = git("diff", "HEAD", "--binary", "--no-ext-diff", "--no-color") or ""
    patch.unlink(missing_ok=True)
    if not changes:
        return None
    size = len(changes.encode())
    if size > _MOST_BYTES:
        return f"not written: {size / 1e6:.1f} MB of changes"
    try:
        patch.write_text(changes, encoding="utf-8", newline="")
    except OSError as error:  # not worth failing the run
        return f"not written: {error.strerror}"
    return patch.name
