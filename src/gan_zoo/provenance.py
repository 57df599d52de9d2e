"""Where a run came from: versions, commit, machine."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

_PACKAGES = ("gan-zoo", "torch", "torchvision", "numpy", "pillow", "hydra-core", "tensorboard")


def provenance(device: torch.device) -> dict[str, Any]:
    """Facts that tell two runs of the same configuration apart."""
    on_cuda = device.type.startswith("cuda")
    name = torch.cuda.get_device_name(device) if on_cuda else platform.machine()
    return {
        "device": str(device),
        "device_name": name,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in _PACKAGES},
        **_git(Path(__file__).parent),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(folder: Path) -> dict[str, Any]:
    """Commit of the working tree that this code runs from, and whether it was changed."""

    def ask(*words: str) -> str | None:
        try:
            asked = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True)
        except OSError:
            return None
        return asked.stdout.strip() if asked.returncode == 0 else None

    changes = ask("status", "--porcelain")
    return {
        "git_commit": ask("rev-parse", "HEAD"),
        "git_dirty": None if changes is None else bool(changes),
    }
