"""The saved sample grids of runs, step by step, as one animated picture."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from gan_zoo.atomic_write import atomic_write
from gan_zoo.report.sample_sheets import saved_grids
from gan_zoo.run_folder import run_above
from gan_zoo.schema import ConfigError

_BAR = 18  # pixels above the grids, for the text
_GAP = 6  # pixels between runs
_PAUSE = 5  # how many times as long the last frame stays
_SUFFIXES = (".gif", ".png", ".webp")


def animate(runs: Sequence[Path], out: Path, each: int) -> int:
    """Write runs side by side at the steps that all of them saved; return the number of frames.

    Args:
        runs: run folders with samples/NNNNNN.png.
        out: a .gif, .png or .webp file.
        each: milliseconds that a frame stays; the last one stays five times as long.

    Raises ConfigError for a run without grids, runs without common steps, another kind of file.
    """
    if out.suffix not in _SUFFIXES:
        raise ConfigError("--out", out, f"must end in {', '.join(_SUFFIXES)}")
    grids = [_grids(run) for run in runs]
    steps = sorted(set.intersection(*map(set, grids)))
    if not steps:
        raise ConfigError("run", ", ".join(map(str, runs)), "saved no picture at a common step")
    names = [run.resolve().name for run in runs] if len(runs) > 1 else [""]
    frames = [_frame([paths[step] for paths in grids], names, step) for step in steps]
    durations = [each] * (len(frames) - 1) + [_PAUSE * each]
    shown = {"append_images": frames[1:], "duration": durations, "loop": 0}
    with atomic_write(out) as file:
        frames[0].save(file, out.suffix[1:], save_all=True, **shown)
    return len(frames)


def _grids(run: Path) -> dict[int, Path]:
    found = saved_grids(run)
    if not found:
        raise ConfigError("run", run, f"holds no samples/NNNNNN.png{run_above(run)}")
    return found


def _frame(paths: Sequence[Path], names: Sequence[str], step: int) -> Image.Image:
    grids = [_open(path) for path in paths]
    width = sum(grid.width for grid in grids) + _GAP * (len(grids) - 1)
    canvas = Image.new("RGB", (width, max(grid.height for grid in grids) + _BAR), "white")
    draw, font, left = ImageDraw.Draw(canvas), ImageFont.load_default(12), 0
    for grid, name in zip(grids, names, strict=True):
        canvas.paste(grid, (left, _BAR))
        text = f"{name}  step {step:,}" if name else f"step {step:,}"
        draw.text((left + 2, 2), _fit(text, grid.width, font), "black", font)
        left += grid.width + _GAP
    return canvas


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, SyntaxError):
        raise ConfigError("run", path, "cannot be read as a picture") from None


def _fit(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Cut a text at its start to fit: the step matters most, then what was swept last."""
    while text and font.getlength(text) > width - 4:
        text = text[1:]
    return text
