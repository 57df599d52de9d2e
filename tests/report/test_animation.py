"""The animation of sample grids."""

import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_zoo.report.animation import animate
from gan_zoo.schema import ConfigError


def draw(run, steps, side=60):
    (run / "samples").mkdir(parents=True)
    for i, step in enumerate(steps):
        shade = np.full((side, side, 3), 10 * i, np.uint8)
        Image.fromarray(shade).save(run / f"samples/{step:06d}.png")
    Image.fromarray(np.full((side, side, 3), 255, np.uint8)).save(run / "samples/real.png")
    return run


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_frames_are_in_order_of_steps(tmp_path, suffix):
    run = draw(tmp_path / "run", [0, 100, 200, 1_000_000])
    out = tmp_path / f"new/it.{suffix}"
    assert animate([run], out, each=50) == 4
    with Image.open(out) as found:
        shades = []
        for i in range(found.n_frames):
            found.seek(i)
            shades.append(found.convert("RGB").getpixel((30, 70))[0])
        assert shades == pytest.approx([0, 10, 20, 30], abs=3)


def test_runs_are_side_by_side_at_common_steps(tmp_path):
    runs = [draw(tmp_path / "a", [0, 100, 200]), draw(tmp_path / "b", [0, 200, 300], side=40)]
    assert animate(runs, tmp_path / "both.gif", each=50) == 2
    with Image.open(tmp_path / "both.gif") as found:
        assert found.width == 60 + 6 + 40


def test_a_full_disk_keeps_the_old_animation(tmp_path, monkeypatch):
    run, out = draw(tmp_path / "run", [0, 100]), tmp_path / "it.gif"
    animate([run], out, each=50)
    before = out.read_bytes()

    def save(image, file, *args, **options):
        write = file.write_bytes if isinstance(file, Path) else file.write
        write(b"GIF89a")
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(OSError, match="full"):
        animate([run], out, each=50)
    assert out.read_bytes() == before


def test_invalid_input_is_a_config_error(tmp_path):
    a, b = draw(tmp_path / "a", [0]), draw(tmp_path / "b", [5])
    with pytest.raises(ConfigError, match="no picture at a common step"):
        animate([a, b], tmp_path / "x.gif", 50)
    with pytest.raises(ConfigError, match="must end in"):
        animate([a], tmp_path / "x.avi", 50)
    with pytest.raises(ConfigError, match="holds no samples"):
        animate([tmp_path], tmp_path / "x.gif", 50)
    (a / "samples/000000.png").write_bytes(b"\x89PNG half")
    with pytest.raises(ConfigError, match="cannot be read as a picture"):
        animate([a], tmp_path / "x.gif", 50)
