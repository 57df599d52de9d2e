"""Messages with a command that rewrites an .npz file into one that the dataset `npz` reads."""

import contextlib
import json
import math
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gan_zoo.schema import ConfigError

if TYPE_CHECKING:
    from gan_zoo.data.npz_arrays import Arrays

_FULL = (1, 255, 1023, 4095, 16383, 65535)  # white, for pixels without a sign
_NEARLY = 1.01  # resampled images may go a little beyond their range


class _NotFiniteError(Exception):
    """Numbers that cannot be scaled; its text counts them."""


def rewrite_hint(arrays: "Arrays", names: Mapping[str, str], white: int = 255) -> str:
    """Return the command as the end of a message; empty where the arrays are ambiguous.

    Args:
        arrays: of the file.
        names: the file's name for each of x, y, x_test and y_test, where it has one.
        white: the value of white in images that are bytes already.
    """
    with contextlib.suppress(ConfigError):  # a damaged array cannot be rewritten
        try:
            parts = _images(arrays, names, white) | _labels(arrays, names)
        except _NotFiniteError as error:
            return f", and {error} are not finite (NaN or infinite): replace them first"
        if "x" in parts and all(parts.values()):
            return f"; rewrite it with {_command(arrays.path, parts)}"
    return ""


def guess_names(arrays: "Arrays") -> dict[str, str]:
    """Guess names for x, y, x_test and y_test by shape; empty where several would do."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name in arrays.names:
        with contextlib.suppress(ConfigError):  # no array, or one that cannot be read
            shapes[name] = arrays.header(name).shape
    found: dict[str, str] = {}
    for end, tests in (("", False), ("_test", True)):
        names = [n for n in shapes if ("test" in n.lower()) == tests and not _is_validation(n)]
        images = [name for name in names if len(shapes[name]) in (3, 4)]
        if len(images) == 1:
            found[f"x{end}"] = images[0]
            count = shapes[images[0]][0]
            labels = [name for name in names if shapes[name] in ((count,), (count, 1))]
            found |= {f"y{end}": labels[0]} if len(labels) == 1 else {}
    if ("y" in found) != ("y_test" in found):  # useless alone: some of x is held out instead
        found = {key: name for key, name in found.items() if not key.endswith("_test")}
    return found if "x" in found else {}


def _is_validation(name: str) -> bool:
    return re.search("(?<![a-z])val(?!ue)", name.lower()) is not None


def _images(arrays: "Arrays", names: Mapping[str, str], white: int) -> dict[str, str]:
    """Return expressions for the images, those of one type on one scale; none for no images."""
    chosen = {key: names[key] for key in ("x", "x_test") if key in names}
    headers = {key: arrays.header(name) for key, name in chosen.items()}
    images = {key: _layout(chosen[key], header.shape) for key, header in headers.items()}
    types = {key: header.dtype for key, header in headers.items()}
    scales = dict[np.dtype, str]()
    for dtype in types.values():  # such as bytes and floats up to 1
        if dtype == "uint8":
            scales[dtype] = "{}" if white == 255 else _to_bytes(f"({{}} * (255 / {white}))")
        else:
            scales[dtype] = _scale([arrays.read(chosen[k]) for k in types if types[k] == dtype])
    if not all(scales.values()) or not all(images.values()):
        return {}
    return {key: scales[types[key]].format(expression) for key, expression in images.items()}


def _scale(images: list[np.ndarray]) -> str:
    """Return the expression that scales pixels {} to bytes; empty for an unknown range."""
    if any(x.dtype.kind not in "biuf" or not x.size for x in images):
        return ""
    lowest = float(min(map(np.min, images)))
    highest = float(max(map(np.max, images)))
    if not math.isfinite(lowest) or not math.isfinite(highest):
        count = sum(int((~np.isfinite(x)).sum()) for x in images)
        raise _NotFiniteError(f"{count:,} of its {sum(x.size for x in images):,} numbers")
    if -_NEARLY <= lowest < 0 and highest <= _NEARLY:
        return _to_bytes("(({} + 1) * 127.5)")
    if lowest < 0 or highest > _NEARLY * _FULL[-1]:
        # in floats: differences of small integers may exceed their type
        factor = f"{255 / max(highest - lowest, 1e-9):.6g}"
        return _to_bytes(f'({{}}.astype("float64") - ({lowest:.6g})) * {factor}')
    white = next(full for full in _FULL if highest <= _NEARLY * full)
    return _to_bytes("{}" if white == 255 else f"({{}} * (255 / {white}))")


def _to_bytes(numbers: str) -> str:
    return f'np.clip(np.round({numbers}), 0, 255).astype("uint8")'


def _layout(name: str, shape: tuple[int, ...]) -> str:
    """Return the expression for images (N, H, W), or with 1 or 3 channels; empty for no images."""
    images = _array(name)
    if 0 in shape:
        return ""
    if len(shape) == 2 and math.isqrt(shape[1]) ** 2 == shape[1]:
        return f"{images}.reshape(-1, {math.isqrt(shape[1])}, {math.isqrt(shape[1])})"
    if len(shape) == 4 and not {shape[1], shape[3]} & {1, 3}:
        if shape[3] == 4:
            return f"{images}[..., :3]"  # without transparency
        return f"{images}[:, :3]" if shape[1] == 4 else ""
    return images if len(shape) in (3, 4) else ""


def _labels(arrays: "Arrays", names: Mapping[str, str]) -> dict[str, str]:
    """Return expressions for the labels; an empty one for neither integers nor texts."""
    return {key: _integers(names[key], arrays) for key in ("y", "y_test") if key in names}


def _integers(name: str, arrays: "Arrays") -> str:
    header, labels = arrays.header(name), _array(name)
    if len(header.shape) == 2 and header.shape[1] > 1:
        return f"{labels}.argmax(1)"  # a column for each class
    if header.dtype.kind == "f":
        values = arrays.read(name)
        return f'{labels}.astype("int64")' if np.array_equal(values, np.round(values)) else ""
    if header.dtype.kind not in "biuUS":
        return ""
    if header.dtype.kind != "S":
        return labels
    try:
        np.char.decode(arrays.read(name))
    except UnicodeDecodeError:  # not UTF-8: any bytes are letters of Latin-1
        return f'np.char.decode({labels}, "latin-1")'
    return f"np.char.decode({labels})"


def _array(name: str) -> str:
    return f"a[{json.dumps(name)}]"


def _command(path: Path, parts: Mapping[str, str]) -> str:
    out = path.with_name(f"{path.stem}-rewritten.npz")
    source, target = (json.dumps(str(name), ensure_ascii=False) for name in (path, out))
    arguments = ", ".join(f"{key}={part}" for key, part in parts.items())
    code = f"import numpy as np; a = np.load({source}); np.savez({target}, {arguments})"
    command = shlex.join(["python", "-c", code])
    return f"{command} and then train with {shlex.quote(f'dataset.root={out}')}"
