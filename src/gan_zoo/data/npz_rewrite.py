"""The command that rewrites an .npz file as the dataset `npz` reads it, for its messages."""

import contextlib
import json
import math
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gan_zoo.data.npz_arrays import Arrays
from gan_zoo.schema import ConfigError

_FULL = (1, 255, 1023, 4095, 16383, 65535)  # white, for pixels without a sign
_NEARLY = 1.01  # resampled images may go a little beyond their range


def rewriting(arrays: Arrays, names: Mapping[str, str], white: int = 255) -> str:
    """What to type, as the end of a message; empty where the arrays do not tell.

    Args:
        arrays: of the file.
        names: the file's name of each of x, y, x_test and y_test, where it has one.
        white: the value of white in images that are bytes already.
    """
    with contextlib.suppress(ConfigError):  # a damaged array: there is nothing to advise
        parts = _images(arrays, names, white) | _labels(arrays, names)
        if "x" in parts and all(parts.values()):
            return f"; rewrite it with {_command(arrays.path, parts)}"
    return ""


def guessed(arrays: Arrays) -> dict[str, str]:
    """Names for x, y, x_test and y_test by the arrays' shapes; empty where several would do."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name in arrays.names:
        with contextlib.suppress(ConfigError):  # no array, or one that is not read
            shapes[name] = arrays.header(name).shape
    found: dict[str, str] = {}
    for end, tests in (("", False), ("_test", True)):
        here = {n: s for n, s in shapes.items() if ("test" in n.lower()) == tests and _is_used(n)}
        images = [name for name, shape in here.items() if len(shape) in (3, 4)]
        if len(images) == 1:
            found[f"x{end}"] = images[0]
            count = here[images[0]][0]
            labels = [n for n, shape in here.items() if shape in ((count,), (count, 1))]
            found |= {f"y{end}": labels[0]} if len(labels) == 1 else {}
    if ("y" in found) != ("y_test" in found):  # of no use alone: some of x is held out instead
        found = {key: name for key, name in found.items() if not key.endswith("_test")}
    return found if "x" in found else {}


def _is_used(name: str) -> bool:
    """Whether an array is for training or testing: a third split has no use."""
    return not re.search("(?<![a-z])val(?!ue)", name.lower())


def _images(arrays: Arrays, names: Mapping[str, str], white: int) -> dict[str, str]:
    """Expressions of the images, all on one scale; empty where one cannot be made into images."""
    held = {key: names[key] for key in ("x", "x_test") if key in names}
    headers = {key: arrays.header(name) for key, name in held.items()}
    if all(header.dtype == "uint8" for header in headers.values()):
        scale = "{}" if white == 255 else _scaled(f"({{}} * (255 / {white}))")
    else:
        scale = _scale([arrays.read(name) for name in held.values()])
    laid = {key: _layout(held[key], header.shape) for key, header in headers.items()}
    if not scale or not all(laid.values()):
        return {}
    return {key: scale.format(expression) for key, expression in laid.items()}


def _scale(images: list[np.ndarray]) -> str:
    """These pixels as bytes, {} standing for them; empty where their range is unknown."""
    if any(x.dtype.kind not in "biuf" or not x.size for x in images):
        return ""
    lowest = float(min(map(np.min, images)))
    highest = float(max(map(np.max, images)))
    if not math.isfinite(lowest) or not math.isfinite(highest):
        return ""
    if -_NEARLY <= lowest < 0 and highest <= _NEARLY:
        return _scaled("(({} + 1) * 127.5)")
    if lowest < 0 or highest > _NEARLY * _FULL[-1]:
        return _scaled(f"(({{}} - ({lowest:.6g})) * {255 / max(highest - lowest, 1e-9):.6g})")
    white = next(full for full in _FULL if highest <= _NEARLY * full)
    return _scaled("{}" if white == 255 else f"({{}} * (255 / {white}))")


def _scaled(numbers: str) -> str:
    return f'np.clip(np.round({numbers}), 0, 255).astype("uint8")'


def _layout(name: str, shape: tuple[int, ...]) -> str:
    """Images (N, H, W), or with a 1 or 3 in a suitable place; empty where the shape is unknown."""
    images = _array(name)
    if 0 in shape:
        return ""
    if len(shape) == 2 and math.isqrt(shape[1]) ** 2 == shape[1]:
        return f"{images}.reshape(-1, {math.isqrt(shape[1])}, {math.isqrt(shape[1])})"
    if len(shape) == 4 and not {shape[1], shape[3]} & {1, 3}:
        ends = {"[..., :3]": shape[3], "[:, :3]": shape[1]}  # without their transparency
        cut = next((end for end, channels in ends.items() if channels == 4), "")
        return f"{images}{cut}" if cut else ""
    return images if len(shape) in (3, 4) else ""


def _labels(arrays: Arrays, names: Mapping[str, str]) -> dict[str, str]:
    """Expressions of the labels; an empty one where they are neither integers nor texts."""
    held = {key: names[key] for key in ("y", "y_test") if key in names}
    return {key: _integers(name, arrays) for key, name in held.items()}


def _integers(name: str, arrays: Arrays) -> str:
    header, labels = arrays.header(name), _array(name)
    if len(header.shape) == 2 and header.shape[1] > 1:
        return f"{labels}.argmax(1)"  # a column for each class
    if header.dtype.kind == "f":
        values = arrays.read(name)
        return f'{labels}.astype("int64")' if np.array_equal(values, np.round(values)) else ""
    return {"S": f"np.char.decode({labels})"}.get(header.dtype.kind, labels)


def _array(name: str) -> str:
    return f"a[{json.dumps(name)}]"


def _command(path: Path, parts: Mapping[str, str]) -> str:
    out = path.with_name(f"{path.stem}-rewritten.npz")
    source, target = (json.dumps(str(name), ensure_ascii=False) for name in (path, out))
    given = ", ".join(f"{key}={part}" for key, part in parts.items())
    code = f"import numpy as np; a = np.load({source}); np.savez({target}, {given})"
    typed = shlex.join(["python", "-c", code])
    return f"{typed} and then train with {shlex.quote(f'dataset.root={out}')}"
