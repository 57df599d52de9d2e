"""The log file of each of several runs that one process trains at once."""

import contextlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path


class RunLogs:
    """Writes log records into the files of the runs that they are about.

    Hydra gives a process one log file, that of its first run. Until this is closed, each run has
    one of that name in its folder, and records go into all of them, or in `only` into one.

    Args:
        folders: of the runs.
    """

    def __init__(self, folders: Iterable[Path]):
        self._root, folders = logging.getLogger(), list(folders)
        files = [h for h in self._root.handlers if isinstance(h, logging.FileHandler)]
        self._before = [h for h in files if Path(h.baseFilename).parent in folders][:1]
        self._of_folder = {f: _sibling(own, f) for own in self._before for f in folders}
        self._replace(self._before, self._of_folder.values())

    def _replace(self, before: Iterable[logging.Handler], after: Iterable[logging.Handler]) -> None:
        for handler in before:
            self._root.removeHandler(handler)
        for handler in after:
            self._root.addHandler(handler)

    @contextlib.contextmanager
    def only(self, folder: Path) -> Iterator[None]:
        """Write the records of this block into the file of one run, and close it after that.

        A process may open few files; the next record opens it again.
        """
        others = [handler for key, handler in self._of_folder.items() if key != folder]
        self._replace(others, ())
        try:
            yield
        finally:
            self._replace((), others)
            if own := self._of_folder.get(folder):
                own.close()

    def close(self) -> None:
        """Give the process its own log file back."""
        self._replace(self._of_folder.values(), self._before)
        for handler in self._of_folder.values():
            handler.close()


def _sibling(own: logging.FileHandler, folder: Path) -> logging.FileHandler:
    """Return a handler that writes as another one does, into a file of that name in a folder."""
    name = Path(own.baseFilename).name
    handler = logging.FileHandler(folder / name, encoding=own.encoding, delay=True)
    handler.setFormatter(own.formatter)
    handler.setLevel(own.level)
    return handler
