"""Sample sheets: one row per configuration, the same latent vectors in each column."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configuration import Configuration, in_order
from gan_zoo.report.number_format import counted
from gan_zoo.report.run_status import RunStatus

_ROWS, _COLUMNS = 40, 12
_OF_Z = {"architecture", "device"}  # where they differ, equal seeds give other latent vectors
_SCATTER_SIDE = 150  # pixels of a reduced picture of points


@dataclasses.dataclass(frozen=True)
class Sheet:
    """Rows of a sample sheet: label -> pictures, uint8 (height, width, 3), or None for a hole."""

    caption: str
    rows: dict[str, list[np.ndarray | None]]


def sheets(comparison: Comparison) -> list[Sheet]:
    """A sheet for each dataset whose runs left pictures."""
    varied = {
        key.partition(".")[0]
        for key in (*comparison.factor_set.factors, *comparison.factor_set.covarying)
    }
    same_z = not varied & _OF_Z and not {*comparison.factor_set.ignored} & _OF_Z
    peers = [in_order(group, comparison.metric) for group in comparison.datasets.values()]
    made = [_sheet(group, same_z) for group in peers]
    return [sheet for sheet in made if sheet is not None]


def last_grid(folder: Path) -> Path | None:
    """The newest picture of generated samples, by step."""
    pictures = [path for path in folder.glob("samples/*.png") if path.stem.isdecimal()]
    return max(pictures, key=lambda path: int(path.stem), default=None)


def tiles(path: Path) -> list[np.ndarray]:
    """Read a PNG file and cut its tiles, uint8 (height, width, 3), row by row.

    Their layout is in the file's text (see monitoring/sample_grid.py); without it, the whole
    picture is one tile.
    """
    with Image.open(path) as picture:
        layout, pixels = picture.info.get("tiles", ""), np.asarray(picture.convert("RGB"))
    bottom, right = pixels.shape[:2]
    try:
        height, width, columns, gap = map(int, layout.split())
        tops = range(gap, bottom, height + gap)
        lefts = range(right - columns * (width + gap), right, width + gap)  # names are on the left
    except ValueError:
        return [pixels]
    return [pixels[y : y + height, x : x + width] for y in tops for x in lefts]


def _sheet(peers: Sequence[Configuration], same_z: bool) -> Sheet | None:
    drawn = {each.label: _pictured(each) for each in peers}
    drawn = {label: found for label, found in drawn.items() if found}
    if not drawn:
        return None
    shown = dict(list(drawn.items())[:_ROWS])
    left_out = len(drawn) - len(shown)
    are = "is" if left_out == 1 else "are"
    more = f" {counted(left_out, 'more configuration')} {are} not shown." if left_out else ""
    first = next(iter(shown.values()))
    if len(_tiles(first[0])) == 1:
        return _scatter_sheet(shown, more)
    seeds = [{str(each.run.seed): each for each in found} for found in shown.values()]
    seed = next((s for s in seeds[0] if all(s in each for each in seeds)), next(iter(seeds[0])))
    chosen = {label: _of_seed(found, seed) for label, found in shown.items()}
    same = "; the same z in each column" if same_z else ""
    caption = f"Last saved samples, seed {seed}{same}.{more}"
    return Sheet(caption, {label: _cut(each) for label, each in chosen.items() if each is not None})


def _scatter_sheet(shown: dict[str, list[RunStatus]], more: str) -> Sheet:
    """Points have no tiles: a picture of all of them for each seed instead."""
    found = {str(each.run.seed) for group in shown.values() for each in group}
    seeds = sorted(found, key=lambda seed: (len(seed), seed))[: _COLUMNS // 2]
    columns = f"columns are seeds {', '.join(seeds)}" if len(seeds) > 1 else f"seed {seeds[0]}"
    caption = f"Last saved samples; {columns}.{more}"
    rows: dict[str, list[np.ndarray | None]] = {}
    for label, group in shown.items():
        runs = (_of_seed(group, seed) for seed in seeds)
        rows[label] = [_reduced(_tiles(each)[0]) if each else None for each in runs]
    return Sheet(caption, rows)


def _pictured(configuration: Configuration) -> list[RunStatus]:
    ended = (each for each in configuration.statuses if each.ended)
    return [each for each in ended if _readable(last_grid(each.run.folder))]


def _readable(path: Path | None) -> bool:
    try:
        with Image.open(path or "") as picture:
            picture.verify()
        return True
    except (OSError, SyntaxError, ValueError):
        return False


def _of_seed(group: Sequence[RunStatus], seed: str) -> RunStatus | None:
    return next((each for each in group if str(each.run.seed) == seed), None)


def _tiles(each: RunStatus) -> list[np.ndarray]:
    path = last_grid(each.run.folder)
    assert path is not None
    return tiles(path)


def _cut(each: RunStatus) -> list[np.ndarray | None]:
    """Tiles spread evenly over the grid, which is in order of classes where there are any."""
    found = _tiles(each)
    places = np.linspace(0, len(found) - 1, min(_COLUMNS, len(found))).round().astype(int)
    return [found[i] for i in places]


def _reduced(picture: np.ndarray) -> np.ndarray:
    image = Image.fromarray(picture)
    image.thumbnail((_SCATTER_SIDE, _SCATTER_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)
