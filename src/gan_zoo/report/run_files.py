"""The YAML and JSON files of a run's folder; errors name the file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

# CSafeLoader is ten times faster, but not built everywhere
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path, default: Any = None) -> Any:
    """Read a YAML file, or return the default, if there is one, for a missing file.

    Raises ValueError for what is not YAML, OSError for what cannot be read.
    """
    if default is not None and not path.exists():
        return default
    try:
        return yaml.load(path.read_bytes(), Loader=_LOADER)
    except yaml.YAMLError:
        raise ValueError(f"{path.name} is not YAML") from None


def read_settings(path: Path, default: Any = None) -> Mapping[str, Any]:
    """Read a YAML file that holds a mapping. Raises as read_yaml, and for other content."""
    content = read_yaml(path, default)
    if not isinstance(content, Mapping):
        raise ValueError(f"{path.name} holds no settings")
    return content


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None where there is no file. Raises ValueError for other content."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        raise ValueError(f"{path.name} is not JSON; was its writing cut off?") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no object")
    return content


def error_reason(error: Exception, folder: Path) -> str:
    """Describe in a few words why a run's folder cannot be read."""
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{Path(error.filename).relative_to(folder)} is missing"
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
