"""What may change between a run and its continuation, and where a run is. No torch, no Hydra."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gan_zoo.schema import SettingError

# A continued run may be longer, be watched otherwise, and live on another device.
FREE = {
    *("steps", "log_every", "sample_every", "checkpoint_every", "device"),
    *("resume", "allow_changes", "sweep", "evaluate_every"),
    *(f"evaluation.{name}" for name in ("n", "seed", "metrics", "best", "cache")),
}


def leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a nested mapping."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def refuse_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises SettingError for the first setting that a continued run must not change, if any."""
    old, new = dict(leaves(before)), dict(leaves(now))
    if new.get("allow_changes"):
        return
    for key in (*new, *old):
        if key not in FREE and old.get(key) != new.get(key):
            allowed = (
                f"was {old.get(key)} in the run to continue; allow_changes=true if you mean it"
            )
            raise SettingError(key, new.get(key), allowed)


def run_folder(path: Path) -> Path:
    """The run's folder of a checkpoint or of itself. Raises SettingError where there is no run."""
    folder = path.parent.parent if path.suffix == ".pt" else path
    if not path.exists() or not (folder / ".hydra" / "config.yaml").is_file():
        raise SettingError(
            "resume", path, "must be the folder of a run, a checkpoint in one, or auto"
        )
    return folder


def holds_run(folder: Path) -> bool:
    """Whether a run has begun to write into a folder."""
    return (folder / "metrics.jsonl").exists()
