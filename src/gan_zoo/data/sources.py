"""The files of a dataset: in a folder or in a zip file."""

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from gan_zoo.data.file_names import is_hidden, member_name, normalize, open_zip, suffix
from gan_zoo.printable import printable
from gan_zoo.schema import ConfigError

TABLE = "dataset.json"  # labels in the format of StyleGAN
_LARGEST = 1 << 28  # bytes of one image file; a zip can claim any size
_SAMPLED, _HEAD = 16, 1 << 16  # files of a folder, and bytes of each, in its stamp


class Source:
    """The files below a root, by their normalized names, without hidden ones.

    Args:
        root: the folder or zip file.
        suffixes: endings of `names`, in any case.
    """

    def __init__(self, root: Path, suffixes: tuple[str, ...]):
        self.root, self.suffixes = root, suffixes
        self.doubles: list[str] = []  # names of several files, of which the last one is used
        self.dangling: list[str] = []  # broken links

    @cached_property
    def names(self) -> list[str]:
        """Paths of the files with these suffixes, in alphabetical order."""
        return sorted(name for name in self._found if name.lower().endswith(self.suffixes))

    @cached_property
    def tables(self) -> list[str]:
        """Paths of the files named dataset.json, in alphabetical order."""
        return sorted(name for name in self._found if f"/{name}".endswith(f"/{TABLE}"))

    @cached_property
    def others(self) -> dict[str, list[str]]:
        """Paths of all other files by suffix, the most frequent suffix first."""
        used, others = {*self.names, *self.tables}, dict[str, list[str]]()
        for name in sorted(self._found):
            if name not in used:
                others.setdefault(suffix(name), []).append(name)
        return dict(sorted(others.items(), key=lambda item: (-len(item[1]), item[0])))

    def same_files(self, names: Sequence[str], others: Sequence[str]) -> list[str]:
        """Return those of the other names that lead, by links, to a file of the names."""
        return []

    @cached_property
    def _found(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for raw, entry in self._entries():
            name = normalize(raw)
            if name and not is_hidden(name):
                if name in found:
                    self.doubles.append(name)
                found[name] = entry
        return found

    def _entries(self) -> Iterator[tuple[str, Any]]:
        """Yield the raw name of each file, and its entry, from which it is read."""
        raise NotImplementedError


class Folder(Source):
    """The files of a folder and of the folders in it, following links."""

    @cached_property
    def stamp(self) -> list:
        """Names, sizes in bytes and times in nanoseconds, which change with any of the files.

        And a digest of some of their bytes, by which two folders differ whose files agree in these,
        as images of a fixed size unpacked with a fixed time do.
        """
        return [*(self._facts(name) for name in self.names), self._digest()]

    def _digest(self) -> str:
        digest = hashlib.sha256()
        step = max(1, -(-len(self.names) // _SAMPLED))  # rounded up: at most that many
        for name in self.names[::step]:
            with contextlib.suppress(OSError), self.path(name).open("rb") as file:
                digest.update(file.read(_HEAD))
        return digest.hexdigest()

    @cached_property
    def table_stamp(self) -> list:
        """The same for the files named dataset.json, with a digest of the whole of each.

        Tables of one size may have other labels, and times of files may be fixed.
        """
        return [(*self._facts(name), self._table_digest(name)) for name in self.tables]

    def _table_digest(self, name: str) -> str:
        with contextlib.suppress(OSError):  # reported when it is read for its labels
            return hashlib.sha256(self.read(name)).hexdigest()
        return ""

    def _facts(self, name: str) -> tuple[str, int, int]:
        try:
            facts = self._found[name].stat()
        except OSError as error:
            raise self._error(error) from None
        return name, facts.st_size, facts.st_mtime_ns

    def same_files(self, names: Sequence[str], others: Sequence[str]) -> list[str]:
        known = {*map(self._identity, names)}
        return [name for name in others if self._identity(name) in known]

    def _identity(self, name: str) -> Any:
        facts = self._found[name].stat()
        return (facts.st_dev, facts.st_ino) if facts.st_ino else name  # Windows leaves it 0

    def _entries(self) -> Iterator[tuple[str, Any]]:
        try:
            yield from self._walk(str(self.root), "", ())
        except OSError as error:
            raise self._error(error) from None

    def _walk(self, folder: str, prefix: str, parents: tuple) -> Iterator[tuple[str, Any]]:
        facts = Path(folder).stat()
        identity = (facts.st_dev, facts.st_ino)
        if identity in parents:
            return  # a link back to a parent
        with os.scandir(folder) as entries:
            for item in entries:
                if is_hidden(normalize(item.name)):
                    continue
                if item.is_symlink() and not Path(item.path).exists():  # or a link to itself
                    self.dangling.append(normalize(prefix + item.name))
                elif item.is_dir():
                    yield from self._walk(item.path, f"{prefix}{item.name}/", (*parents, identity))
                elif item.is_file():
                    yield prefix + item.name, item

    def _error(self, error: OSError) -> ConfigError:
        return ConfigError("dataset.root", self.root, f"cannot be read ({printable(str(error))})")

    def path(self, name: str) -> Path:
        """Return the path of a file."""
        entry = self._found.get(name)
        return Path(entry.path) if entry else self.root / name

    def read(self, name: str) -> bytes:
        """Read a file."""
        return self.path(name).read_bytes()


class Zip(Source):
    """The files in a zip file, read in place."""

    table_stamp: list = []  # the zip file's own size and time cover it

    @cached_property
    def stamp(self) -> list:
        """The zip file's own size and time, and a digest of its files' checksums."""
        facts, checksums = self.root.stat(), [info.CRC for info in self._file.infolist()]
        digest = hashlib.sha256(repr(checksums).encode()).hexdigest()
        return [facts.st_size, facts.st_mtime_ns, digest]

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
        """Read a file. Raises ValueError for one of more than 256 MB."""
        with self._file.open(self._found[name]) as member:
            content = member.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError("is larger than 256 MB")
        return content


def open_source(root: Path, suffixes: tuple[str, ...]) -> Folder | Zip:
    """Open a folder or a zip file."""
    return Folder(root, suffixes) if root.is_dir() else Zip(root, suffixes)
