"""Feature networks and reference features on disk, shared by runs and processes."""

import logging
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_zoo import checkpoints
from gan_zoo.schema import ConfigError

log = logging.getLogger(__name__)


class Cache:
    """A folder of results, each under a name that contains all that it depends on."""

    def __init__(self, folder: Path):
        self.folder = folder.expanduser()

    def get_or_compute(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return tensors and plain values on the CPU: those cached, or computed and cached now.

        Where two processes compute the same result, both return that of the first to finish.
        Warns of a result that cannot be written, and of a damaged file, which is replaced.
        """
        path = self.folder / f"{name}.pt"
        if path.exists():
            try:
                return checkpoints.read(path)
            except ConfigError:
                log.warning("%s is damaged; computing it again", path)
                path.unlink(missing_ok=True)  # another process may have replaced it
        if not path.exists():
            mine, content = self.folder / f"{name}-{uuid.uuid4().hex}.pt", compute()
            if checkpoints.try_save(mine, content):
                return content
            try:
                os.link(mine, path)  # unlike a rename, this never replaces an existing file
            except FileExistsError:
                pass
            except OSError:  # a file system without hard links
                if not path.exists():
                    mine.replace(path)
            finally:
                mine.unlink(missing_ok=True)
        return checkpoints.read(path)
