"""Kinds of damage to real samples, which give the values of metrics a meaning. No torch."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Damage:
    """One kind of damage to real samples.

    Attributes:
        name: its key in summary.json.
        amounts: that real samples are measured with, ascending.
        phrase: format of an amount in words.
        undamaged: the amount that changes nothing.
    """

    name: str
    amounts: tuple[float, ...]
    phrase: str
    undamaged: float = 0.0

    def describe(self, amount: float, most: float) -> str:
        """Describe an amount in words; most: the largest amount that was measured."""
        return self.phrase.format(amount)


@dataclasses.dataclass(frozen=True)
class Missing(Damage):
    """Kinds of samples that are missing: `amounts` are shares, and become counts of kinds.

    Attributes:
        one: singular of the kind.
    """

    one: str = "class"

    def counts(self, kinds: int) -> list[int]:
        """Return how many of these kinds to leave out, ascending, the last all but one."""
        counts = {max(round(share * kinds), 1) for share in self.amounts} | {kinds - 1}
        return sorted(count for count in counts if 0 < count < kinds)

    def describe(self, amount: float, most: float) -> str:
        """Describe a count in words; most: all kinds but one."""
        if amount >= most:
            return f"one {self.one} only"
        count = f"{amount:,.0f}" if amount > 0.5 else "fewer than 1"
        return self.phrase.format(f"{count} of {most + 1:,.0f}")


NOISE = Damage("noise", (0.1, 0.2, 0.4, 1.0), "noise {:.2g}")
SALT_AND_PEPPER = Damage("salt and pepper", (2, 5, 20), "{:.2g} % salt and pepper")
DROPPED_PIXELS = Damage("dropped pixels", (10, 25, 50), "{:.2g} % of pixels dropped")
BLUR = Damage("blur", (0.7, 1.0, 2.0), "blur {:.2g}")
MISSING_CLASSES = Missing("missing classes", (0.1, 0.3, 0.5), "{} classes missing")
IMAGE_DAMAGE = (NOISE, SALT_AND_PEPPER, DROPPED_PIXELS, BLUR, MISSING_CLASSES)

WIDER_MODES = Damage("wider modes", (1.5, 2, 4, 10), "modes {:.2g} times as wide", undamaged=1.0)
OUTLIERS = Damage("outliers", (5, 20, 50), "{:.2g} % outliers")
MISSING_MODES = Missing("missing modes", (0.1, 0.3, 0.5), "{} modes missing", one="mode")
POINT_DAMAGE = (WIDER_MODES, OUTLIERS, MISSING_MODES)
