"""Zip files whose member names are not in the encoding that their headers announce."""

import mmap
import struct
import zipfile
from pathlib import Path

_UTF8 = 0x800  # flag of a member: its name is UTF-8
_MEMBER, _END = b"PK\1\2", b"PK\5\6"  # an entry of the directory, and the record after all entries
_HEADER = 46  # bytes of an entry before its name


class _Copy(mmap.mmap):
    """A file in memory that can be changed without changing the file on disk."""

    def seekable(self) -> bool:
        return True


def opened_zip(path: Path) -> zipfile.ZipFile:
    """A zip file for reading. Raises what zipfile raises where it is damaged."""
    try:
        return zipfile.ZipFile(path)
    except UnicodeDecodeError:  # a name announced as UTF-8 that is not
        with path.open("rb") as file:
            copy = _Copy(file.fileno(), 0, access=mmap.ACCESS_COPY)
        _clear_wrong_flags(copy)
        return zipfile.ZipFile(copy)  # type: ignore[arg-type]


def member_name(member: zipfile.ZipInfo) -> str:
    """The name of a member; one without a stated encoding is read as UTF-8 where it is that.

    zipfile reads such names as cp437, the encoding of DOS; macOS and many programs write UTF-8.
    """
    if member.flag_bits & _UTF8 or member.filename.isascii():
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _clear_wrong_flags(copy: mmap.mmap) -> None:
    """Clear the flag of UTF-8 where a name is not; zipfile would refuse the whole file."""
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
