"""Sample sheets, and the tiles of the grids that they are made of."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from gan_zoo.data.dataset import Images
from gan_zoo.data.loader import to_bytes
from gan_zoo.data.plots import image_grid, label_rows
from gan_zoo.monitoring.sample_grid import Picture, render, row_names
from gan_zoo.report.build import write_report
from gan_zoo.report.comparison import compare
from gan_zoo.report.html import image_address
from gan_zoo.report.read_runs import read_runs
from gan_zoo.report.sample_sheets import sheets, tiles
from report_folders import draw_grid, write_run, write_sweep


def test_grid_is_cut_into_its_tiles(tmp_path):
    draw_grid(tmp_path, shade=9)
    found = tiles(tmp_path / "samples/000200.png")
    assert [tile.shape for tile in found] == [(5, 5, 3)] * 9
    assert [int(tile[2, 2, 0]) for tile in found] == [9 * i for i in range(9)]
    plot = np.full((64, 64, 3), 255, np.uint8)
    for layout in ("", "a b c d", "28 28", "0 0 1 0"):
        Picture(plot, layout).save(tmp_path / "plot.png")
        (whole,) = tiles(tmp_path / "plot.png")
        assert np.array_equal(whole, plot)


@pytest.mark.parametrize("names", [["cat", "dog"], ["Müller", ""], ["啊", "x" * 99]])
@pytest.mark.parametrize("side", [4, 28, 64])
def test_row_names_do_not_change_tiles(tmp_path, names, side):
    x = torch.rand(10, 3, side, side) * 2 - 1
    x[0] = 64 / 127.5 - 1  # the gray of the frame
    grid, path = image_grid(x, 5), tmp_path / "grid.png"
    render(Images(), x, 5, names).save(path)
    picture = np.asarray(Image.open(path))
    assert np.array_equal(picture[:, -grid.shape[1] :], grid)
    assert 8 < picture.shape[1] - grid.shape[1] <= 130
    column = picture[:, : -grid.shape[1]].reshape(2, -1) if side > 4 else None
    if column is not None:
        assert [bool((row > 200).any()) for row in column] == [bool(name) for name in names]
    images = to_bytes(x).permute(0, 2, 3, 1).numpy()
    assert all(np.array_equal(a, b) for a, b in zip(tiles(path), images, strict=True))
    assert label_rows(grid, ["", ""]) is grid


def test_rows_are_named_by_their_classes():
    names = ("cat", "dog", "emu")
    assert row_names(torch.tensor([0, 0, 1, 1, 2, 2]), 2, names) == ["cat", "dog", "emu"]
    assert row_names(torch.tensor([0, 0, 0, 1, 2, 2]), 2, names) == ["cat", "cat, dog", "emu"]
    assert row_names(torch.tensor([1] * 9), None, names) == ["dog", "", ""]
    assert row_names(torch.tensor([0, 1, 2, 2]), 3, names) == ["", "emu"]
    assert row_names(torch.tensor([0, 0]), 1, ()) == []


def test_sheets_show_equal_places_of_a_common_seed(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [3.0, 4.0]})
    for folder in root.iterdir():
        draw_grid(folder, shade=20 if "wgan" in folder.name else 10)
    (root / "loss=gan,seed=0/samples/000200.png").write_bytes(b"no picture")
    (sheet,) = sheets(compare(*read_runs([root]), None, {}))
    assert "seed 1" in sheet.caption
    assert [int(tile[0, 0, 0]) for tile in sheet.rows["loss=gan"]] == [10 * i for i in range(9)]
    assert [int(tile[0, 0, 0]) for tile in sheet.rows["loss=wgan"]] == [20 * i for i in range(9)]


def test_configuration_without_the_seed_shows_its_own(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [3.0, 4.0, 5.0, 6.0]})
    for seed in (0, 1):
        shutil.rmtree(root / f"loss=wgan,seed={seed}")
    sheet = sheet_of(root)
    assert [*sheet.rows] == ["loss=gan", "loss=wgan, seed 2"]
    assert sheet.caption == (
        "Last saved samples, seed 0 where a row names no other; the same z in each column of one "
        "seed."
    )


def sheet_of(root, **draw):
    for folder in root.iterdir():
        draw_grid(folder, shade=30, name="real", **draw)
        draw_grid(folder, shade=10, **draw)
    (sheet,) = sheets(compare(*read_runs([root]), None, {}))
    return sheet


def test_sheet_has_a_row_of_real_samples_and_heads(tmp_path):
    sheet = sheet_of(write_sweep(tmp_path, {"gan": [1.0], "wgan": [3.0]}))
    assert [int(tile[0, 0, 0]) for tile in sheet.real] == [30 * i % 256 for i in range(9)]
    assert sheet.heads == [f"z {i}" for i in range(1, 10)]


def test_columns_of_a_conditional_run_are_named_by_class(tmp_path):
    write_run(
        tmp_path / "run", [1.0], settings={"conditional": True},
        summary={"classes": {"cat": 5, "dog": 5, "emu": 5}},
    )  # fmt: skip
    assert sheet_of(tmp_path).heads == ["cat"] * 3 + ["dog"] * 3 + ["emu"] * 3


@pytest.mark.parametrize(("count", "same_z"), [(3, True), (4, False)])
def test_columns_of_other_grids_have_no_common_class_or_z(tmp_path, count, same_z):
    for conditional in (True, False):
        folder = write_run(
            tmp_path / f"conditional={conditional}", [1.0], settings={"conditional": conditional},
            summary={"classes": {"cat": 5, "dog": 5}}, overrides=(f"conditional={conditional}",),
            number=not conditional,
        )  # fmt: skip
        draw_grid(folder, shade=9, count=3 if conditional else count)
    (sheet,) = sheets(compare(*read_runs([tmp_path]), None, {}))
    assert sheet.heads == [f"z {i}" if same_z else str(i) for i in range(1, 10)]
    assert ("the same z in each column" in sheet.caption) == same_z


def test_sheet_without_real_samples_has_no_such_row(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0]})
    draw_grid(next(root.iterdir()), shade=10)
    (sheet,) = sheets(compare(*read_runs([root]), None, {}))
    assert sheet.real == []


def test_sheet_of_large_images_has_fewer_rows(tmp_path):
    root = write_sweep(tmp_path, {f"l{i}": [float(i)] for i in range(12)})
    sheet = sheet_of(root, side=200)
    assert len(sheet.rows) == 4
    assert "8 more configurations are not shown" in sheet.caption


def test_large_images_are_compressed():
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    assert image_address(noise).startswith("data:image/webp")
    assert image_address(noise[:28, :28]).startswith("data:image/png")
    assert len(image_address(noise)) < len(noise.tobytes())


def test_rows_may_have_more_images_than_the_first(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0], "wgan": [3.0]})
    draw_grid(root / "loss=gan,seed=0", shade=10, count=2)
    draw_grid(root / "loss=wgan,seed=0", shade=10, count=3)
    page, _ = write_report([root])
    assert page.read_text(encoding="utf-8").count("data:image/png") == 4 + 9
