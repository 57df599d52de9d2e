"""The files of a report: complete, closed to the network, and safe against any name."""

import csv
import os
import re
import runpy
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_zoo.data.plots import image_grid, label_rows
from gan_zoo.monitoring.sample_grid import row_names
from gan_zoo.report.build import write_report
from gan_zoo.report.comparison import compare
from gan_zoo.report.reproduce import command
from gan_zoo.report.runs import read_runs
from gan_zoo.report.sample_sheets import sheets, tiles
from report_folders import METRIC, draw_grid, write_run, write_sweep

SCRIPT = Path(__file__).parents[2] / "scripts/report.py"
EVIL = "<script>alert('x')</script>\"&|`$(rm)$\\alpha$"
VOID = {"meta", "img", "input", "br", "wbr"}


class Outline(HTMLParser):
    """Checks that elements nest, and collects what they refer to and how many there are."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.counts, self.texts = [], [], {}, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        names = ("src", "href", "action", "data", "srcset", "xlink:href")
        self.addresses += [value for name, value in attributes if name in names]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def outline(path):
    found = Outline(path.read_text(encoding="utf-8"))
    assert found.open == []
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A report about two losses and three seeds with pictures, and one broken folder."""
    root = tmp_path_factory.mktemp("report")
    write_sweep(root, {"gan": [9.0, 8.0, 9.5], "wgan": [7.0, 6.0, 8.5]})
    for shade, folder in enumerate(sorted(root.iterdir())):
        draw_grid(folder, shade)
    (root / "broken/.hydra").mkdir(parents=True)
    page, _ = write_report([root])
    return page


def test_all_files_are_written(written):
    names = {path.name for path in written.parent.iterdir()}
    assert names == {"report.html", "report.md", "table.csv", "runs.csv", "figures"}
    figures = sorted(path.name for path in (written.parent / "figures").iterdir())
    expected = ["cost", "intervals", "learning"]
    assert figures == [f"{name}.{kind}" for name in expected for kind in ("png", "svg")]


def test_the_page_parses_and_refers_to_nothing_outside(written):
    found = outline(written)
    text = written.read_text(encoding="utf-8")
    outside = [a for a in found.addresses if not a.startswith(("data:image/", "../", "figures/"))]
    assert outside == []
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(", text)


def test_links_lead_to_the_runs(written):
    links = [a for a in outline(written).addresses if a.startswith("../")]
    assert len(links) == 6
    assert all(
        (written.parent / link.replace("%3D", "=").replace("%2C", ",")).is_dir() for link in links
    )


def test_broken_folders_are_named_on_the_page_and_in_the_markdown(written):
    for path in (written, written.with_suffix(".md")):
        assert "config.yaml is missing" in path.read_text(encoding="utf-8").replace("\\", "")


def test_the_tables_hold_the_numbers_in_full(written):
    with (written.parent / "table.csv").open(encoding="utf-8") as file:
        gan, wgan = csv.DictReader(file)
    assert float(gan["mean"]) == pytest.approx(26.5 / 3, rel=1e-12)
    assert float(wgan["difference"]) == pytest.approx(-5 / 3, rel=1e-12)
    with (written.parent / "runs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row[METRIC] for row in rows] == ["9.0", "8.0", "9.5", "7.0", "6.0", "8.5"]
    assert rows[4]["command"] == "python train.py loss=wgan seed=1"


def test_names_and_settings_of_any_kind_are_shown_and_never_run(tmp_path):
    for seed in (0, 1):
        for i, value in enumerate((EVIL, "tame")):
            write_run(
                tmp_path / f"{i} <img src=x onerror=alert(1)> {seed}", [2.0 + i + seed, 1.0 + i],
                overrides=(f"title={value}", f"seed={seed}"),
                settings={"seed": seed, "title": value, "<b>key": EVIL},
                choices={"dataset": "<i>data"}, summary={"python": EVIL},
            )  # fmt: skip
    page, _ = write_report([tmp_path], tmp_path / "out")
    found = outline(page)
    assert found.counts["script"] == 1
    assert not {"b", "i"} & set(found.counts)
    assert all("onerror" not in a or "%3Cimg" in a for a in found.addresses)
    assert any(EVIL in text for text in found.texts)
    markdown = page.with_suffix(".md").read_text(encoding="utf-8").split("## Commands")[0]
    assert "<script" not in markdown
    assert "<img" not in markdown


@pytest.mark.parametrize(
    "words",
    [
        ("loss=gan", "seed=0"),
        ("dataset.alphabet='0 1'", 'title="a,b"', "optimizer.betas=[0,0.9]", "note=it's $HOME `x`"),
        (r"path=C:\\new", "x={a:1}", "+y=*", "~z"),
    ],
)
def test_commands_survive_the_shell(tmp_path, words):
    write_run(tmp_path / "run", [1.0], overrides=words)
    (run,), _ = read_runs([tmp_path])
    said = command(run)
    assert shlex.split(said) == ["python", "train.py", *words]
    echo = said.replace("python train.py", f"{sys.executable} -c 'import sys;print(sys.argv[1:])'")
    shown = subprocess.run(["sh", "-c", echo], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str(list(words))


def test_commands_lead_to_a_new_folder(tmp_path):
    write_run(tmp_path / "run", [1.0], overrides=("loss=gan", "resume=auto", "+sweep=mine"))
    (run,), _ = read_runs([tmp_path])
    assert command(run) == "python train.py loss=gan"


def test_a_grid_is_cut_into_its_tiles(tmp_path):
    draw_grid(tmp_path, shade=9)
    with Image.open(tmp_path / "samples/000200.png") as picture:
        found = tiles(np.asarray(picture))
    assert [tile.shape for tile in found] == [(5, 5, 3)] * 9
    assert [int(tile[2, 2, 0]) for tile in found] == [9 * i for i in range(9)]
    scatter = np.full((64, 64, 3), 255, np.uint8)
    assert len(tiles(scatter)) == 1


@pytest.mark.parametrize("names", [["cat", "dog"], ["Müller", ""], ["啊", "x" * 99]])
@pytest.mark.parametrize("side", [4, 28, 64])
def test_names_beside_a_grid_leave_its_tiles_as_they_are(names, side):
    x = torch.rand(10, 3, side, side) * 2 - 1
    x[0] = 64 / 127.5 - 1  # the gray of the frame
    grid = image_grid(x, 5)
    picture = label_rows(grid, names)
    assert np.array_equal(picture[:, -grid.shape[1] :], grid)
    assert 8 < picture.shape[1] - grid.shape[1] <= 130
    column = picture[:, : -grid.shape[1]].reshape(2, -1) if side > 4 else None
    if column is not None:
        assert [bool((row > 200).any()) for row in column] == [bool(name) for name in names]
    cut = tiles(picture)
    assert len(cut) == 10
    assert all(np.array_equal(a, b) for a, b in zip(cut, tiles(grid), strict=True))
    assert label_rows(grid, ["", ""]) is grid


def test_rows_are_named_by_the_classes_that_begin_there():
    names = ("cat", "dog", "emu")
    assert row_names(torch.tensor([0, 0, 1, 1, 2, 2]), 2, names) == ["cat", "dog", "emu"]
    assert row_names(torch.tensor([0, 0, 0, 1, 2, 2]), 2, names) == ["cat", "cat, dog", "emu"]
    assert row_names(torch.tensor([1] * 9), None, names) == ["dog", "", ""]
    assert row_names(torch.tensor([0, 1, 2, 2]), 3, names) == ["", "emu"]
    assert row_names(torch.tensor([0, 0]), 1, ()) == []


def test_sheets_show_the_same_places_of_a_common_seed(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [3.0, 4.0]})
    for folder in root.iterdir():
        draw_grid(folder, shade=20 if "wgan" in folder.name else 10)
    (root / "loss=gan,seed=0/samples/000200.png").write_bytes(b"no picture")
    (sheet,) = sheets(compare(*read_runs([root]), None, {}))
    assert "seed 1" in sheet.caption
    assert [int(tile[0, 0, 0]) for tile in sheet.rows["loss=gan"]] == [10 * i for i in range(9)]
    assert [int(tile[0, 0, 0]) for tile in sheet.rows["loss=wgan"]] == [20 * i for i in range(9)]


def test_a_folder_whose_name_is_no_text_is_reported(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9"
    try:
        os.mkdir(name)  # noqa: PTH102
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    write_run(Path(os.fsdecode(name)) / "run", [1.0])
    write_run(tmp_path / "other", [1.0], settings={"seed": 1})
    page, _ = write_report([tmp_path])
    assert "../caf%E9/run/" in outline(page).addresses


def test_the_script_reports_and_does_not_load_torch(tmp_path):
    root = write_sweep(tmp_path / "runs", {"gan": [9.0, 8.0], "wgan": [7.0, 6.5]})
    probe = (
        "import runpy,sys; sys.argv=sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__');"
        "assert 'torch' not in sys.modules and 'hydra' not in sys.modules"
    )
    words = [str(SCRIPT), str(root), "--baseline", "loss=wgan", "--out", str(tmp_path / "out")]
    asked = [sys.executable, "-c", probe, *words]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4 runs, 0 left out: ")
    assert "comparison with loss=wgan" in (tmp_path / "out/report.md").read_text().replace("\\", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "error: folder=nowhere: is not a folder"),
        (["{root}", "--metric", "metric/none"], "is in no finished run"),
        (["{root}", "--baseline", "loss"], "must be KEY=VALUE"),
        (["{root}", "--baseline", "loss=none"], "no configuration has that"),
        (["{root}", "--watch", "0"], "must be a whole number of seconds above 0"),
        (["{root}", "--better", "nicer"], "invalid choice"),
        (["{root}", "--out", "{root}/file"], "cannot be written to"),
    ],
)
def test_mistakes_end_in_one_line(tmp_path, monkeypatch, capsys, words, said):
    write_sweep(tmp_path, {"gan": [1.0]})
    (tmp_path / "file").touch()
    asked = [word.format(root=tmp_path) for word in words]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *asked])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert ended.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
