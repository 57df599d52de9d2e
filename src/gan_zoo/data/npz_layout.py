"""Which arrays of an .npz file are images and labels of its splits, and whether they fit."""

from collections.abc import Mapping

import numpy as np

from gan_zoo.data.npz_arrays import Arrays
from gan_zoo.data.npz_rewrite import guessed, rewriting

_NAMES = {
    "x": ("x", "x_train"),
    "y": ("y", "y_train"),
    "x_test": ("x_test",),
    "y_test": ("y_test",),
}
_LISTED = 10  # arrays named in a message
_LARGEST = 1 << 16  # numbers beyond it, and beyond the number of images, are no classes

Names = dict[str, str]  # what a file calls each of x, y, x_test and y_test, where it has one


def paired(arrays: Arrays) -> Names:
    """The arrays to use. Raises ConfigError where one is absent, or they do not fit together."""
    found = {key: [n for n in names if n in arrays.names] for key, names in _NAMES.items()}
    for both in found.values():
        if len(both) > 1:
            raise arrays.refused(f"holds {' and '.join(both)}, of which one can be used")
    names = {key: there[0] for key, there in found.items() if there}
    if "x" not in names:
        more = len(arrays.names) - _LISTED
        listed = ", ".join(arrays.names[:_LISTED]) or "nothing"
        listed += f" and {more} more" if more > 0 else ""
        advice = rewriting(arrays, guessed(arrays)) or "; its images must be called x"
        raise arrays.refused(f"holds {listed}, but no x{advice}")
    _check_pairs(arrays, names)
    _check_images(arrays, names)
    return names


def _check_pairs(arrays: Arrays, names: Names) -> None:
    """Raises ConfigError where a split has labels but no images, or one split alone has labels."""
    if "y_test" in names and "x_test" not in names:
        kept = {key: name for key, name in names.items() if key != "y_test"}
        advice = f"; add it, or leave y_test out{rewriting(arrays, kept)}"
        raise arrays.refused(f"has y_test, but no x_test{advice}")
    if "x_test" not in names or ("y" in names) == ("y_test" in names):
        return
    if "y" in names:
        kept = {key: names[key] for key in ("x", "y")}
        what = f"has labels {names['y']} for {names['x']}, but no y_test for x_test; add it, or"
        raise arrays.refused(f"{what} leave x_test out{rewriting(arrays, kept)}")
    kept = {key: names[key] for key in ("x", "x_test")}
    what = f"has labels y_test for x_test, but no y for {names['x']}; add it, or leave y_test out"
    raise arrays.refused(f"{what}{rewriting(arrays, kept)}")


def _check_images(arrays: Arrays, names: Names) -> None:
    """Raises ConfigError for arrays that are not images of one shape, with a label for each."""
    shapes = {}
    for name in [names[key] for key in ("x", "x_test") if key in names]:
        header = arrays.header(name)
        if header.dtype != "uint8" or not image_shape(header.shape):
            what = f"has an {name} of {header}, not bytes (N, H, W[, 1 or 3])"
            raise arrays.refused(what + rewriting(arrays, names))
        if not header.shape[0]:
            raise arrays.refused(f"holds 0 images in {name}; leave out what is empty")
        shapes[name] = "x".join(map(str, image_shape(header.shape)))
    if len({*shapes.values()}) > 1:
        both = " and test images ".join(shapes.values())
        raise arrays.refused(f"images are {both} (x_test); both must have one shape")
    for key in [key for key in ("y", "y_test") if key in names]:
        _check_labels(arrays, names, key)


def _check_labels(arrays: Arrays, names: Names, key: str) -> None:
    """Raises ConfigError unless an array has one integer or text for each image."""
    header, images = arrays.header(names[key]), names[key.replace("y", "x")]
    count = arrays.header(images).shape[0]
    if header.shape in ((count,), (count, 1)) and header.dtype.kind in "biuU":
        return
    what = f"has a {names[key]} of {header}, not one integer or text for each of the {count} images"
    advice = rewriting(arrays, names) if header.shape[:1] == (count,) else ""
    raise arrays.refused(f"{what} in {images}{advice}")


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Channels, height and width of images of any of the three layouts; empty for no images."""
    if 0 in shape[1:]:
        return ()
    if len(shape) == 3:
        return 1, *shape[1:]
    if len(shape) == 4 and shape[1] in (1, 3):
        return shape[1:]
    return (shape[3], *shape[1:3]) if len(shape) == 4 and shape[3] in (1, 3) else ()


def classes(arrays: Arrays, names: Mapping[str, str]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Names of the classes that occur, in order, and labels int64 (N,) of y and y_test.

    A class is named by its number or text. Raises ConfigError for numbers that are no classes.
    """
    keys = [key for key in ("y", "y_test") if key in names]
    if not keys:
        return [], {}
    given = [arrays.read(names[key]).reshape(-1) for key in keys]
    given = [y if y.dtype.kind == "U" else _checked(y, arrays) for y in given]
    found, places = np.unique(np.concatenate(given), return_inverse=True)
    ends = np.cumsum([len(y) for y in given])[:-1]
    labels = np.split(places.reshape(-1).astype(np.int64), ends)
    return list(map(str, found.tolist())), dict(zip(keys, labels, strict=True))


def _checked(y: np.ndarray, arrays: Arrays) -> np.ndarray:
    """Numbers of classes as int64."""
    lowest, highest = int(y.min()), int(y.max())
    if lowest < 0:
        allowed = f"has labels {lowest} to {highest}; they must be 0 or more"
        raise arrays.refused(allowed)
    if highest > max(_LARGEST, len(y)):
        raise arrays.refused(
            f"has labels up to {highest} for {len(y)} images: too large for classes"
        )
    return y.astype(np.int64)
