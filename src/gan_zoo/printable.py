"""Names on one line of a message, whatever characters are in them."""

from collections.abc import Sequence


def printable(text: str) -> str:
    """Return the text on one line, with unprintable characters escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def list_names(names: Sequence[str], most: int = 3, between: str = ", ") -> str:
    """List the first `most` names on one line, with the number of the others."""
    more = len(names) - most
    listed = between.join(map(printable, names[:most]))
    return f"{listed}{between.rstrip(', ')} and {more:,} more" if more > 0 else listed


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
