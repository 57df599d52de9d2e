"""The saved pictures of runs, step by step, as one animated picture."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from gan_zoo.schema import ConfigError

_BAR = 18  # pixels for the words above the pictures
_GAP = 6  # between runs
_PAUSE = 5  # how much longer the last picture stays
_SUFFIXES = (".gif", ".png", ".webp")


def animate(runs: Sequence[Path], out: Path, each: int) -> int:
    """Write runs side by side at the steps that all of them saved; returns how many.

    Args:
        runs: run folders with samples/NNNNNN.png.
        out: a .gif, .png or .webp file.
        each: milliseconds that a picture stays; the last one stays five times as long.

    Raises ConfigError for a run without pictures, runs without common steps, another kind of file.
    """
    if out.suffix not in _SUFFIXES:
        raise ConfigError("--out", out, f"must end in {', '.join(_SUFFIXES)}")
    albums = [_album(run) for run in runs]
    steps = sorted(set.intersection(*map(set, albums)))
    if not steps:
        raise ConfigError("run", ", ".join(map(str, runs)), "saved no picture at a common step")
    names = [run.resolve().name for run in runs] if len(runs) > 1 else [""]
    frames = [_frame([sample_grid[step] for sample_grid in albums], names, step) for step in steps]
    out.parent.mkdir(parents=True, exist_ok=True)
    stays = [each] * (len(frames) - 1) + [_PAUSE * each]
    frames[0].save(out, save_all=True, append_images=frames[1:], duration=stays, loop=0)
    return len(frames)


def _album(run: Path) -> dict[int, Path]:
    """Pictures of a run by their step."""
    found = {int(p.stem): p for p in run.glob("samples/*.png") if p.stem.isdecimal()}
    if not found:
        raise ConfigError("run", run, "holds no samples/NNNNNN.png")
    return found


def _frame(paths: Sequence[Path], names: Sequence[str], step: int) -> Image.Image:
    pictures = [_opened(path) for path in paths]
    width = sum(picture.width for picture in pictures) + _GAP * (len(pictures) - 1)
    canvas = Image.new("RGB", (width, max(p.height for p in pictures) + _BAR), "white")
    draw, font, left = ImageDraw.Draw(canvas), ImageFont.load_default(12), 0
    for picture, name in zip(pictures, names, strict=True):
        canvas.paste(picture, (left, _BAR))
        words = f"{name}  step {step:,}" if name else f"step {step:,}"
        draw.text((left + 2, 2), _fitted(words, picture.width, font), "black", font)
        left += picture.width + _GAP
    return canvas


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, SyntaxError):
        raise ConfigError("run", path, "is no picture that can be read") from None


def _fitted(words: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The end of the words that fits: the step matters most, then what was swept last."""
    while words and font.getlength(words) > width - 4:
        words = words[1:]
    return words
