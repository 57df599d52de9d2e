"""The files of a report: complete, self-contained, and safe against any name."""

import csv
import os
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from gan_zoo.report.build import write_report
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


@pytest.mark.parametrize("name", ["report.html.j2", "page.css", "page.js"])
def test_page_sources_are_package_data(name):
    assert files("gan_zoo.report").joinpath(name).is_file()


def test_page_parses_and_loads_nothing(written):
    found = outline(written)
    text = written.read_text(encoding="utf-8")
    outside = [a for a in found.addresses if not a.startswith(("data:image/", "../", "figures/"))]
    assert outside == []
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(", text)


def test_links_point_to_the_runs(written):
    links = [a for a in outline(written).addresses if a.startswith("../")]
    assert len(links) == 6
    assert all(
        (written.parent / link.replace("%3D", "=").replace("%2C", ",")).is_dir() for link in links
    )


def test_broken_folders_are_named_in_both_formats(written):
    for path in (written, written.with_suffix(".md")):
        assert "config.yaml is missing" in path.read_text(encoding="utf-8").replace("\\", "")


def test_csv_has_full_precision(written):
    with (written.parent / "table.csv").open(encoding="utf-8") as file:
        gan, wgan = csv.DictReader(file)
    assert float(gan["mean"]) == pytest.approx(26.5 / 3, rel=1e-12)
    assert float(wgan["difference"]) == pytest.approx(-5 / 3, rel=1e-12)
    with (written.parent / "runs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row[METRIC] for row in rows] == ["9.0", "8.0", "9.5", "7.0", "6.0", "8.5"]
    assert rows[4]["command"] == "python train.py loss=wgan seed=1"


def test_markup_in_names_and_settings_is_escaped(tmp_path):
    for seed in (0, 1):
        for i, value in enumerate((EVIL, "plain")):
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


def test_folder_name_that_is_not_utf8(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9"
    try:
        os.mkdir(name)  # noqa: PTH102
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    write_run(Path(os.fsdecode(name)) / "run", [1.0])
    write_run(tmp_path / "other", [1.0], settings={"seed": 1})
    page, _ = write_report([tmp_path])
    assert "../caf%E9/run/" in outline(page).addresses
