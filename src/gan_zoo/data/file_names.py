"""Names of files: one normal form for folders and zips, safe to print, sorted as people count."""

import re
from collections.abc import Sequence

# a backslash, an empty part, or one of dots
_ODD = re.compile(r"\\|//|^/|(?:^|/)\.{1,2}(?:/|$)")
_DIGITS = re.compile("([0-9]+)")
_OF_THE_SYSTEM = {"thumbs.db", "desktop.ini"}


def normalized(name: str) -> str:
    """A path with slashes, without `.`, `..`, empty parts and a slash in front.

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


def hidden(name: str) -> bool:
    """Whether a normalized path, or a folder in it, is hidden or written by the system."""
    if name.startswith((".", "__MACOSX")) or "/." in name or "/__MACOSX/" in name:
        return True
    return name.rpartition("/")[2].lower() in _OF_THE_SYSTEM


def suffix(name: str) -> str:
    """The ending of a name in lower case, such as .jpg; empty where there is none."""
    base = name.rpartition("/")[2]
    dot = base.rfind(".")
    return base[dot:].lower() if 0 < dot < len(base) - 1 else ""


def encoded(name: str) -> bytes:
    """The bytes of a name; those that were not UTF-8 on disk are returned as they were."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that no file system produced
        return name.encode("utf-8", "surrogatepass")


def shown(text: str) -> str:
    """The text on one line; what cannot be printed, as bytes that are no UTF-8, is escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def shown_some(names: Sequence[str], most: int = 3) -> str:
    """The first few names on one line, and how many more there are."""
    more = len(names) - most
    return ", ".join(map(shown, names[:most])) + (f" and {more:,} more" if more > 0 else "")


def natural(name: str) -> tuple:
    """A sorting key that compares digits as numbers: img2 before img10."""
    parts: list = _DIGITS.split(name)
    for place in range(1, len(parts), 2):
        digits = parts[place].lstrip("0")
        parts[place] = (len(digits), digits)
    return parts, name


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
