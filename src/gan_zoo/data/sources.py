"""Where the files of a dataset lie: in a folder, or in a zip file just as well."""

import os
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from gan_zoo.schema import SettingError

_LARGEST = 1 << 28  # bytes of one image file; a zip can claim any size


class Folder:
    """The files of a folder and of the folders in it, links followed, hidden ones left out.

    Args:
        root: the folder.
        suffixes: endings that the names of files must have, whatever their case.
    """

    def __init__(self, root: Path, suffixes: tuple[str, ...]):
        self.root, self.suffixes = root, suffixes

    @cached_property
    def names(self) -> list[str]:
        """Paths of the files below the root, with slashes, in alphabetical order."""
        return [name for name, _, _ in self._entries]

    @cached_property
    def stamp(self) -> list:
        """What changes when any file does: names, sizes in bytes, times in nanoseconds."""
        return self._entries

    @cached_property
    def _entries(self) -> list[tuple[str, int, int]]:
        return sorted(self._walk(str(self.root), "", ()))

    def _walk(self, folder: str, prefix: str, above: tuple) -> Iterator[tuple[str, int, int]]:
        facts = Path(folder).stat()
        here = (facts.st_dev, facts.st_ino)
        if here in above:
            return  # a link that leads back up
        with os.scandir(folder) as found:
            for item in found:
                if item.name.startswith("."):
                    continue
                if item.name.lower().endswith(self.suffixes) and item.is_file():
                    facts = item.stat()
                    yield prefix + item.name, facts.st_size, facts.st_mtime_ns
                elif item.is_dir():
                    yield from self._walk(item.path, f"{prefix}{item.name}/", (*above, here))

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return (self.root / name).read_bytes()


class Zip:
    """The files in a zip file, read where they are, hidden ones left out; see `Folder`."""

    def __init__(self, path: Path, suffixes: tuple[str, ...]):
        self.path, self.suffixes = path, suffixes

    @cached_property
    def names(self) -> list[str]:
        """Paths of the files, with slashes, in alphabetical order."""
        names = self._file.namelist()
        shown = (n for n in names if not n.startswith((".", "__MACOSX")) and "/." not in n)
        return sorted({name for name in shown if name.lower().endswith(self.suffixes)})

    @cached_property
    def stamp(self) -> list:
        """What changes when any file does: the zip file's own size and time."""
        facts = self.path.stat()
        return [facts.st_size, facts.st_mtime_ns]

    @cached_property
    def _file(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
            allowed = f"cannot be read as a zip file ({error})"
            raise SettingError("dataset.root", self.path, allowed) from None

    def read(self, name: str) -> bytes:
        """The content of a file. Raises ValueError for one of more than 256 MB."""
        with self._file.open(name) as member:
            content = member.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError("is larger than 256 MB")
        return content


def opened(root: Path, suffixes: tuple[str, ...]) -> Folder | Zip:
    """The files of a folder or of a zip file."""
    return Folder(root, suffixes) if root.is_dir() else Zip(root, suffixes)
