"""Where the files of a dataset lie: in a folder, or in a zip file just as well."""

import os
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from gan_zoo.data.file_names import hidden, member_name, normalized, open_zip, shown, suffix
from gan_zoo.schema import ConfigError

TABLE = "dataset.json"  # labels in the format of StyleGAN
_LARGEST = 1 << 28  # bytes of one image file; a zip can claim any size


class Source:
    """The files below a root, by their normalized names; hidden ones are left out.

    Args:
        root: the folder or zip file.
        suffixes: endings that `names` must have, whatever their case.
    """

    def __init__(self, root: Path, suffixes: tuple[str, ...]):
        self.root, self.suffixes = root, suffixes
        self.doubles: list[str] = []  # names that more than one file has; the last one is used
        self.dangling: list[str] = []  # links to files that are not there

    @cached_property
    def names(self) -> list[str]:
        """Paths of the files with such endings, in alphabetical order."""
        return sorted(name for name in self._found if name.lower().endswith(self.suffixes))

    @cached_property
    def tables(self) -> list[str]:
        """Paths of the files named dataset.json, in alphabetical order."""
        return sorted(name for name in self._found if f"/{name}".endswith(f"/{TABLE}"))

    @cached_property
    def others(self) -> dict[str, list[str]]:
        """Paths of all other files, by ending, the most frequent ending first."""
        used, others = {*self.names, *self.tables}, dict[str, list[str]]()
        for name in sorted(self._found):
            if name not in used:
                others.setdefault(suffix(name), []).append(name)
        return dict(sorted(others.items(), key=lambda item: (-len(item[1]), item[0])))

    @cached_property
    def _found(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for raw, entry in self._entries():
            name = normalized(raw)
            if name and not hidden(name):
                if name in found:
                    self.doubles.append(name)
                found[name] = entry
        return found

    def _entries(self) -> Iterator[tuple[str, Any]]:
        """Each file as it is named, and what is needed to read it."""
        raise NotImplementedError


class Folder(Source):
    """The files of a folder and of the folders in it, links followed."""

    @cached_property
    def stamp(self) -> list:
        """What changes when any of the files does: names, sizes in bytes, times in nanoseconds."""
        return [self._facts(name) for name in self.names]

    @cached_property
    def table_stamp(self) -> list:
        """The same for the files named dataset.json."""
        return [self._facts(name) for name in self.tables]

    def _facts(self, name: str) -> tuple[str, int, int]:
        try:
            facts = self._found[name].stat()
        except OSError as error:
            raise self._refused(error) from None
        return name, facts.st_size, facts.st_mtime_ns

    def _entries(self) -> Iterator[tuple[str, Any]]:
        try:
            yield from self._walk(str(self.root), "", ())
        except OSError as error:
            raise self._refused(error) from None

    def _walk(self, folder: str, prefix: str, above: tuple) -> Iterator[tuple[str, Any]]:
        facts = Path(folder).stat()
        here = (facts.st_dev, facts.st_ino)
        if here in above:
            return  # a link that leads back up
        with os.scandir(folder) as found:
            for item in found:
                if hidden(normalized(item.name)):
                    continue
                if item.is_dir():
                    yield from self._walk(item.path, f"{prefix}{item.name}/", (*above, here))
                elif item.is_file():
                    yield prefix + item.name, item
                elif item.is_symlink():
                    self.dangling.append(normalized(prefix + item.name))

    def _refused(self, error: OSError) -> ConfigError:
        return ConfigError("dataset.root", self.root, f"cannot be read ({shown(str(error))})")

    def path(self, name: str) -> Path:
        """Where a file is."""
        entry = self._found.get(name)
        return Path(entry.path) if entry else self.root / name

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return self.path(name).read_bytes()


class Zip(Source):
    """The files in a zip file, read where they are."""

    table_stamp: list = []  # the zip file's own size and time say it already

    @cached_property
    def stamp(self) -> list:
        """What changes when any file does: the zip file's own size and time."""
        facts = self.root.stat()
        return [facts.st_size, facts.st_mtime_ns]

    @cached_property
    def _file(self) -> zipfile.ZipFile:
        try:
            return open_zip(self.root)
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
            allowed = f"cannot be read as a zip file ({error})"
            raise ConfigError("dataset.root", self.root, allowed) from None

    def _entries(self) -> Iterator[tuple[str, Any]]:
        for member in self._file.infolist():
            name = member_name(member)
            if not name.endswith(("/", "\\")):
                yield name, member

    def read(self, name: str) -> bytes:
        """The content of a file. Raises ValueError for one of more than 256 MB."""
        with self._file.open(self._found[name]) as member:
            content = member.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError("is larger than 256 MB")
        return content


def open_source(root: Path, suffixes: tuple[str, ...]) -> Folder | Zip:
    """The files of a folder or of a zip file."""
    return Folder(root, suffixes) if root.is_dir() else Zip(root, suffixes)
