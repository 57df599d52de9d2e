"""Names of files in folders and zips: one normal form, in natural order."""

import mmap
import re
import struct
import zipfile
from pathlib import Path

# a backslash, an empty part, or one of dots
_ODD = re.compile(r"\\|//|^/|(?:^|/)\.{1,2}(?:/|$)")
_DIGITS = re.compile("([0-9]+)")
_SYSTEM_FILES = {"thumbs.db", "desktop.ini"}
_UTF8 = 0x800  # flag of a zip's member: its name is UTF-8
_MEMBER, _END = b"PK\1\2", b"PK\5\6"  # an entry of a zip's directory, and the record at its end
_HEADER = 46  # bytes of an entry before its name


def normalize(name: str) -> str:
    """Normalize a path: slashes, no `.`, `..` or empty parts, no leading slash.

    Backslashes separate folders, too: some programs write them into zip files, and unpacking such
    a file on Linux leaves them in the names.
    """
    if not _ODD.search(name):
        return name
    parts: list[str] = []
    for part in name.replace("\\", "/").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def is_hidden(name: str) -> bool:
    """Check whether a normalized path, or a folder in it, is hidden or written by the system."""
    if name.startswith((".", "__MACOSX")) or "/." in name or "/__MACOSX/" in name:
        return True
    return name.rpartition("/")[2].lower() in _SYSTEM_FILES


def suffix(name: str) -> str:
    """Return the suffix of a name in lower case, such as .jpg; empty if it has none."""
    base = name.rpartition("/")[2]
    dot = base.rfind(".")
    return base[dot:].lower() if 0 < dot < len(base) - 1 else ""


def encode(name: str) -> bytes:
    """Encode a name; bytes that were not UTF-8 on disk come back unchanged."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that no file system produced
        return name.encode("utf-8", "surrogatepass")


def natural_key(name: str) -> tuple:
    """Return a sorting key that compares digits as numbers: img2 before img10."""
    parts: list = _DIGITS.split(name)
    for place in range(1, len(parts), 2):
        digits = parts[place].lstrip("0")
        parts[place] = (len(digits), digits)
    return parts, name


class _Copy(mmap.mmap):
    """A private copy of a file in memory."""

    def seekable(self) -> bool:
        return True


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip file for reading, whatever the encoding of its names.

    Raises what zipfile raises where the file is damaged.
    """
    try:
        return zipfile.ZipFile(path)
    except UnicodeDecodeError:  # a name announced as UTF-8 that is not
        with path.open("rb") as file:
            copy = _Copy(file.fileno(), 0, access=mmap.ACCESS_COPY)
        _clear_wrong_flags(copy)
        return zipfile.ZipFile(copy)  # type: ignore[arg-type]


def member_name(member: zipfile.ZipInfo) -> str:
    """Return the name of a member; one without a stated encoding is UTF-8 if it can be.

    zipfile reads such names as cp437, the encoding of DOS; macOS and many programs write UTF-8.
    """
    if member.flag_bits & _UTF8 or member.filename.isascii():
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _clear_wrong_flags(copy: mmap.mmap) -> None:
    """Clear the UTF-8 flag of names in another encoding, or zipfile refuses the whole file."""
    end = copy.rfind(_END)
    if end < 0:
        return
    size, start = struct.unpack_from("<II", copy, end + 12)
    at = end - size
    before = at - start  # bytes in front of the zip file, as of a program that unpacks itself
    while 0 <= at <= len(copy) - _HEADER and copy[at : at + 4] == _MEMBER:
        *lengths, local = struct.unpack_from("<28xHHH8xI", copy, at)
        if not _is_utf8(copy[at + _HEADER : at + _HEADER + lengths[0]]):
            _clear_flag(copy, at + 8)
            _clear_flag(copy, before + local + 6)
        at += _HEADER + sum(lengths)


def _clear_flag(copy: mmap.mmap, at: int) -> None:
    if 0 <= at <= len(copy) - 2:
        (flags,) = struct.unpack_from("<H", copy, at)
        struct.pack_into("<H", copy, at, flags & ~_UTF8)


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
