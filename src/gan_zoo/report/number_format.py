"""Numbers as text: one format for all numbers of a column, and counts with their nouns."""

import math
from collections.abc import Callable, Iterable, Sequence

NONE = "–"  # where there is no number
_DIGITS = 4  # of the largest number
_FEWEST = 2  # of the smallest one
_DECIMALS = 6  # at most


def rounding(
    values: Iterable[float | None], digits: int = _DIGITS, fewest: int = _FEWEST
) -> Callable[[float | None], str]:
    """Return the format of numbers that are shown together: all with the same decimals.

    Args:
        values: all of them; None and nan have no digits.
        digits: significant digits of the largest.
        fewest: significant digits of the smallest at least.

    All are shown with powers of ten where they are both large and small.
    """
    known = [abs(value) for value in values if value and math.isfinite(value)]
    largest, smallest = max(known, default=1.0), min(known, default=1.0)
    decimals = max(_decimals(largest, digits), _decimals(smallest, fewest))
    whole = all(value == int(value) for value in known)
    if decimals > _DECIMALS or (largest >= 1e5 and decimals and not whole) or largest >= 1e9:
        return lambda value: NONE if _absent(value) else f"{value:.3e}"
    decimals = 0 if whole and largest >= 1 else decimals
    return lambda value: NONE if _absent(value) else f"{value:,.{decimals}f}"


def format_number(value: float | None) -> str:
    """Format a number alone: four digits, or a dash where there is none."""
    return rounding([value])(value)


def counted(count: int, one: str) -> str:
    """Format a count and its noun: 1 run, 2 runs."""
    return f"{count:,} {one if count == 1 else one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Join words: a; a and b; a, b and c."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def duration(seconds: float) -> str:
    """Format a time with its two largest units: 9 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _decimals(value: float, digits: int) -> int:
    """Return how many decimals show `digits` significant digits of a positive number."""
    return max(0, digits - 1 - math.floor(math.log10(value)))


def _absent(value: float | None) -> bool:
    return value is None or value != value
