"""Numbers of things in words."""

from collections.abc import Sequence


def counted(count: int, one: str, many: str = "") -> str:
    """A count and its noun: 1 run, 2 runs; many: the plural where it is not made by an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Words as a list: a; a and b; a, b and c."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
