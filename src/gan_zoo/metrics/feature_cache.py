"""Results that take long to make, kept on disk: whole or not at all, and the same for everybody."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_zoo import checkpoints


class Cache:
    """A folder of results, each under a name that says all that it depends on."""

    def __init__(self, folder: Path):
        self.folder = folder.expanduser()

    def get_or_compute(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of this name: tensors and plain values, on the CPU; made where it is missing.

        Where two processes make the same result at once, both get that of the first to finish.
        What cannot be kept is made again by the next who asks, and a line says so. Raises
        ConfigError for a file that is damaged.
        """
        path = self.folder / f"{name}.pt"
        if not path.exists():
            mine, content = self.folder / f"{name}-{uuid.uuid4().hex}.pt", make()
            if checkpoints.try_save(mine, content):
                return content
            try:
                os.link(mine, path)  # unlike a renaming, this leaves a file that is there already
            except FileExistsError:
                pass
            finally:
                mine.unlink()
        return checkpoints.read(path)
