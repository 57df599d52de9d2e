"""outputs/sweeps/LATEST: a file with the name of the sweep that was started last.

It is no link: TensorBoard follows links and would show that sweep twice. No torch, no Hydra.
"""

import logging
from pathlib import Path

from gan_zoo.atomic_write import write_text

log = logging.getLogger(__name__)

LATEST = "LATEST"


def note(sweep: Path) -> None:
    """Write a sweep's name into LATEST beside its folder.

    Only for a folder given relative to the working directory, with a parent there. A folder named
    LATEST is kept.
    """
    path = sweep.parent / LATEST
    if sweep.is_absolute() or len(sweep.parts) < 2 or (path.is_dir() and not path.is_symlink()):
        return
    try:
        write_text(path, f"{sweep.name}\n")
    except OSError as error:  # no reason not to train
        log.warning("%s could not be written: %s", path, error.strerror)


def named(sweeps: Path) -> Path | None:
    """Return the folder of the sweep that LATEST names; None if there is none."""
    try:
        name = (sweeps / LATEST).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    valid = name not in ("", "..") and name == Path(name).name
    return sweeps / name if valid and (sweeps / name).is_dir() else None


def resolve(path: Path) -> Path:
    """Return a path with a file LATEST replaced by the sweep that it names."""
    for place in (path, *path.parents):
        if place.name == LATEST and place.is_file():
            sweep = named(place.parent)
            return sweep / path.relative_to(place) if sweep else path
    return path


def resolve_all(paths: list[Path]) -> list[Path]:
    """Resolve paths; expand `*` and `?` in one that does not exist.

    A shell cannot match names below LATEST.
    """
    found = []
    for path in map(resolve, paths):
        pattern = not path.exists() and any(sign in str(path) for sign in "*?")
        root = Path(path.anchor)
        matches = sorted(root.glob(str(path.relative_to(root)))) if pattern else []
        found += matches or [path]
    return found
