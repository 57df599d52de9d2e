"""The files of a report: complete, self-contained, and safe against any name."""

import csv
import json
import os
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from gan_zoo.report.build import write_report
from report_folders import METRIC, draw_grid, write_run, write_sweep

EVIL = "<script>alert('x')</script>\"&|`$(rm)$\\alpha$"
SOURCES = (
    "report.html.j2", "page.css", "page.js", "page_chart.js",
    "uplot/uPlot.iife.min.js", "uplot/uPlot.min.css",
)  # fmt: skip
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


@pytest.mark.parametrize("name", SOURCES)
def test_page_sources_are_package_data(name):
    assert files("gan_zoo.report").joinpath(name).is_file()


def test_page_parses_and_loads_nothing(written):
    found = outline(written)
    text = written.read_text(encoding="utf-8")
    assert [a for a in found.addresses if not a.startswith("data:image/")] == []
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(", text)


def test_folders_are_named_without_links(written):
    """A link to a folder is dead wherever the page is sent."""
    found = outline(written)
    assert "a" not in found.counts
    shown = {text.strip() for text in found.texts}
    assert {f"loss={loss},seed={seed}" for loss in ("gan", "wgan") for seed in range(3)} <= shown


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
    assert not any("onerror" in address for address in found.addresses)
    assert any(EVIL in text for text in found.texts)
    markdown = page.with_suffix(".md").read_text(encoding="utf-8").split("## Commands")[0]
    assert "<script" not in markdown
    assert "<img" not in markdown


def test_chart_data_in_the_script_is_escaped(tmp_path):
    for i, value in enumerate(("</script><img src=x>", "plain")):
        write_run(tmp_path / str(i), [2.0 + i, 1.0 + i], settings={"title": value})
    page, _ = write_report([tmp_path])
    script = page.read_text(encoding="utf-8").split("<script>")[1].split("</script>")[0]
    (data,) = re.findall(r"^const REPORT = (.*);$", script, re.MULTILINE)
    (chart,) = json.loads(data)["charts"]
    assert [line["label"] for line in chart["lines"]] == [
        "title=</script><img src=x>",
        "title=plain",
    ]


def test_license_of_the_chart_library_is_in_the_page(written):
    text = written.read_text(encoding="utf-8")
    assert "Copyright (c) 2022 Leon Sorokin" in text
    assert "The above copyright notice and this permission notice shall be included" in text


def test_page_begins_with_facts_and_recipes(written):
    text = written.read_text(encoding="utf-8")
    heads = re.findall(r"<h2>(.*?)</h2>", text)
    assert heads[:5] == ["Recipes", "Results", "Samples", "Every metric", "Figures"]
    assert re.search(r"<dt>dataset</dt><dd>glyphs</dd>", text)
    assert "<dd>200 generator updates</dd>" in text


def test_mean_is_the_first_number(written):
    text = written.read_text(encoding="utf-8").split("<h2>Results</h2>")[1]
    heads = re.findall(r"<th class=\"\w*\">(.*?)</th>", text)
    assert heads[:3] == ["configuration", "mean", "mean and seeds"]


def test_values_of_seeds_appear_under_the_pointer(written):
    text = written.read_text(encoding="utf-8")
    assert "<title>mean 7.167; seed 0: 7.0; seed 1: 6.0; seed 2: 8.5</title>" in text.replace(
        "7.000", "7.0"
    ).replace("6.000", "6.0").replace("8.500", "8.5")


def test_strips_over_decades_are_logarithmic(tmp_path):
    page, _ = write_report(
        [write_sweep(tmp_path, {"gan": [1.0], "wgan": [10.0], "hinge": [100.0]})]
    )
    text = page.read_text(encoding="utf-8")
    places = [float(x) for x in re.findall(r'transform="translate\(([\d.]+) 8\)', text)]
    assert places == [15.0, 65.0, 115.0]


def test_runs_are_in_the_order_of_rank(written):
    text = written.read_text(encoding="utf-8").split("<h2>Runs</h2>")[1]
    body = text.split("<tbody>")[1].split("</tbody>")[0]
    values = [
        float(v) for v in re.findall(r'data-key="([\d.]+)">[\d.]+</td>\n<td class="words"', body)
    ]
    assert values == [6.0, 7.0, 8.0, 8.5, 9.0, 9.5]


def test_folder_name_that_is_not_utf8(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9"
    try:
        os.mkdir(name)  # noqa: PTH102
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    write_run(Path(os.fsdecode(name)) / "run", [1.0])
    write_run(tmp_path / "other", [1.0], settings={"seed": 1})
    page, _ = write_report([tmp_path])
    assert any("caf" in text and text.strip().endswith("/run") for text in outline(page).texts)
