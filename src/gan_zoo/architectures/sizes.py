"""From the shape of the data to the steps of a network, or to a refusal."""

from gan_zoo.schema import SettingError


def side_of(shape: tuple[int, ...], family: str, multiple: int) -> int:
    """The side of square images (C, side, side).

    Raises SettingError unless the data are such images and the side is a multiple of `multiple`.
    """
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] % multiple:
        allowed = f"{family} needs square images with a side that is a multiple of {multiple}"
        raise SettingError("shape", "x".join(map(str, shape)), allowed)
    return shape[1]


def doublings(shape: tuple[int, ...], family: str) -> tuple[int, int]:
    """Side of the smallest map, 4 to 7, and the number of doublings from it to the image.

    Raises SettingError unless the data are square images with a side of 4, 5, 6 or 7 times a power
    of two: 8, 28, 32, 48, 64, 96, 112, 128 and the like.
    """
    side, count = shape[-1], 0
    while side > 7 and side % 2 == 0:
        side, count = side // 2, count + 1
    if len(shape) != 3 or shape[1] != shape[2] or not 4 <= side <= 7 or count == 0:
        allowed = f"{family} needs square images with a side of 4 to 7 times a power of two"
        raise SettingError("shape", "x".join(map(str, shape)), allowed)
    return side, count
