"""Sample sheets: a row per configuration, with the same latent vector in each column."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration, in_order
from gan_zoo.report.number_format import counted
from gan_zoo.report.run_status import RunStatus
from gan_zoo.report.runs import Run
from gan_zoo.report.title_block import seed_order
from gan_zoo.run_folder import step_files

_ROWS, _COLUMNS = 40, 12
_CHANGES_Z = {"architecture", "device"}  # equal seeds then have other latent vectors
_PLOT_SIDE = 320  # pixels of a reduced plot of points
_PIXELS = 2_000_000  # of all tiles of a sheet, which limits its rows: the page stays below 3 MB
_PLOT_COST = 12  # a plot's pixels are mostly white, and compress by this factor
_FEWEST_ROWS = 4


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A sample sheet, whose images are uint8 (height, width, 3); None where one lacks.

    Attributes:
        heads: of the columns.
        real: a row of real samples; empty without any.
        rows: images by the label of a configuration.
        is_plot: whether images are plots of points.
    """

    caption: str
    heads: list[str]
    real: list[np.ndarray | None]
    rows: dict[str, list[np.ndarray | None]]
    is_plot: bool = False


def sheets(comparison: Comparison) -> list[Sheet]:
    """Make a sheet for each dataset whose runs saved sample grids."""
    found = comparison.factor_set
    varied = {key.partition(".")[0] for key in (*found.factors, *found.covarying)}
    same_z = not varied & _CHANGES_Z and not {*found.ignored} & _CHANGES_Z
    peers = [in_order(group, comparison.metric) for group in comparison.datasets.values()]
    made = [_sheet(group, same_z) for group in peers]
    return [sheet for sheet in made if sheet is not None]


def saved_grids(folder: Path) -> dict[int, Path]:
    """Find a run's grids of generated samples, by step."""
    return {int(path.stem): path for path in step_files(folder / "samples", ".png")}


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
    with_grids = {each.label: _with_grid(each) for each in peers}
    with_grids = {label: found for label, found in with_grids.items() if found}
    if not with_grids:
        return None
    first = _last_tiles(next(iter(with_grids.values()))[0])
    is_plot = len(first) == 1
    shown = dict(list(with_grids.items())[: _row_limit(first[0], is_plot)])
    omitted = len(with_grids) - len(shown)
    are = "is" if omitted == 1 else "are"
    more = f" {counted(omitted, 'more configuration')} {are} not shown." if omitted else ""
    return _plot_sheet(shown, more) if is_plot else _tile_sheet(shown, more, same_z)


def _row_limit(tile: np.ndarray, is_plot: bool) -> int:
    """Return how many rows a page has room for."""
    pixels = _COLUMNS // 2 * _PLOT_SIDE**2 // _PLOT_COST if is_plot else _COLUMNS * tile.size // 3
    return max(_FEWEST_ROWS, min(_ROWS, _PIXELS // pixels))


def _tile_sheet(shown: dict[str, list[RunStatus]], more: str, same_z: bool) -> Sheet:
    """Make a sheet of tiles of one seed that all configurations have, if there is one.

    The row of a configuration without that seed shows its own first one, and names it.
    """
    seeds = [{str(each.run.seed): each for each in found} for found in shown.values()]
    seed = next((s for s in seeds[0] if all(s in each for each in seeds)), next(iter(seeds[0])))
    chosen: dict[str, RunStatus] = {}
    for label, found in shown.items():
        own = _of_seed(found, seed)
        chosen[label if own else f"{label}, seed {found[0].run.seed}"] = own or found[0]
    others = chosen.keys() != shown.keys()
    seed = f"{seed} where a row names no other" if others else seed
    grids = [_last_tiles(each) for each in chosen.values()]
    same_z = same_z and len({*map(len, grids)}) == 1  # z of a grid are drawn at once
    same = f"; the same z in each column{' of one seed' * others}" if same_z else ""
    caption = f"Last saved samples, seed {seed}{same}.{more}"
    rows = {label: _spread(grid) for label, grid in zip(chosen, grids, strict=True)}
    heads = _heads([each.run for each in chosen.values()], len(grids[0]), same_z)
    return Sheet(caption, heads, _spread(_real_tiles(next(iter(chosen.values())))), rows)


def _heads(runs: Sequence[Run], tiles: int, same_z: bool) -> list[str]:
    """Name the columns: by class where all grids are in order of classes, else by number."""
    places = _places(tiles)
    classes = (runs[0].summary or {}).get("classes")
    names = list(classes) if isinstance(classes, Mapping) else []
    conditional = all(run.settings.get("conditional") is True for run in runs)
    if conditional and 0 < len(names) <= tiles:
        return [str(names[i * len(names) // tiles]) for i in places]
    return [f"z {i + 1}" if same_z else str(i + 1) for i in range(len(places))]


def _plot_sheet(shown: dict[str, list[RunStatus]], more: str) -> Sheet:
    """Make a sheet of whole pictures, a column per seed: plots of points have no tiles."""
    found = {str(each.run.seed) for group in shown.values() for each in group}
    seeds = sorted(found, key=seed_order)[: _COLUMNS // 2]
    columns = f"columns are seeds {', '.join(seeds)}" if len(seeds) > 1 else f"seed {seeds[0]}"
    caption = f"Last saved samples; {columns}.{more}"
    rows: dict[str, list[np.ndarray | None]] = {}
    for label, group in shown.items():
        runs = (_of_seed(group, seed) for seed in seeds)
        rows[label] = [_reduced(_last_tiles(each)[0]) if each else None for each in runs]
    real = [_reduced(tile) for tile in _real_tiles(next(iter(shown.values()))[0])[:1]]
    return Sheet(caption, [f"seed {seed}" for seed in seeds], [*real], rows, is_plot=True)


def _real_tiles(each: RunStatus) -> list[np.ndarray]:
    """Return the real samples that a run saved at its start; none where there is no file."""
    path = each.run.folder / "samples" / "real.png"
    return tiles(path) if _is_readable(path) else []


def _with_grid(configuration: Configuration) -> list[RunStatus]:
    ended = (each for each in configuration.statuses if each.ended)
    return [each for each in ended if _is_readable(_last_grid(each))]


def _is_readable(path: Path | None) -> bool:
    try:
        with Image.open(path or "") as picture:
            picture.verify()
        return True
    except (OSError, SyntaxError, ValueError):
        return False


def _last_grid(each: RunStatus) -> Path | None:
    grids = saved_grids(each.run.folder)
    return grids[max(grids)] if grids else None


def _last_tiles(each: RunStatus) -> list[np.ndarray]:
    path = _last_grid(each)
    assert path is not None
    return tiles(path)


def _of_seed(group: Sequence[RunStatus], seed: str) -> RunStatus | None:
    return next((each for each in group if str(each.run.seed) == seed), None)


def _spread(found: list[np.ndarray]) -> list[np.ndarray | None]:
    """Choose tiles evenly over a grid, which is in order of classes where there are any."""
    return [found[i] for i in _places(len(found))]


def _places(count: int) -> list[int]:
    """Choose at most _COLUMNS of `count` places, evenly spaced."""
    if not count:
        return []
    return np.linspace(0, count - 1, min(_COLUMNS, count)).round().astype(int).tolist()


def _reduced(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels)
    image.thumbnail((_PLOT_SIDE, _PLOT_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)
