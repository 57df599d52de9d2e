"""Random numbers that a regularizer needs for each sample, drawn outside of training steps."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class NumberCounts(NamedTuple):
    """How many random numbers of each kind one sample needs."""

    uniform: int = 0
    normal: int = 0


class RandomNumbers(NamedTuple):
    """Random numbers of a batch: uniform (..., N, K) on [0, 1), and standard normal (..., N, M).

    None where there are none of a kind.
    """

    uniform: "Tensor | None" = None
    normal: "Tensor | None" = None

    def take(self, counts: NumberCounts) -> "tuple[RandomNumbers, RandomNumbers]":
        """Return so many numbers of each kind for each sample, and the rest of them."""
        pairs = [_split(x, count) for x, count in zip(self, counts, strict=True)]
        first, rest = zip(*pairs, strict=True)
        return RandomNumbers(*first), RandomNumbers(*rest)

    def for_samples(self, count: int) -> "RandomNumbers":
        """Return these numbers for several times as many samples, again and again."""
        return RandomNumbers(*(None if x is None else _repeat(x, count) for x in self))


def _repeat(x: "Tensor", count: int) -> "Tensor":
    times = count // x.shape[-2]
    return x if times == 1 else x.repeat(*[1] * (x.dim() - 2), times, 1)


def _split(x: "Tensor | None", count: int) -> "tuple[Tensor | None, Tensor | None]":
    if x is None or not count:
        return None, x
    return x[..., :count], x[..., count:]
