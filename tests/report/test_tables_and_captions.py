"""Columns of tables, and captions that match their figures."""

import re

import pytest
from matplotlib.colors import to_hex

from gan_zoo.report.build import figures, write_report
from gan_zoo.report.comparison import compare
from gan_zoo.report.figure_style import GRAY
from gan_zoo.report.number_format import rounding
from gan_zoo.report.read_runs import read_runs
from gan_zoo.report.sweep_figures import intervals
from gan_zoo.report.tables import configuration_columns, run_columns
from report_folders import LOWER, compared, write_run, write_sweep, write_unevaluated_sweep

MARKS = {"gray": GRAY, "diamond": "D"}
DIAMOND = "M0-5L5 0 0 5-5 0z"


def swept(root):
    """Numbers of every size: with and without decimals, negative and large differences."""
    return write_sweep(root, {"gan": [9.5, 1234.0, 8.0], "wgan": [7.0, 6.25], "hinge": [0.125]})


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([47.6, 163, 70.74], ["47.6", "163.0", "70.7"]),
        ([0.2596, 0.61, 0.003], ["0.2596", "0.6100", "0.0030"]),
        ([106.3, 37.5], ["106.3", "37.5"]),
        ([8, 7, 0], ["8", "7", "0"]),
        ([1e6, 0.5], ["1.000e+06", "5.000e-01"]),
        ([0.0, None, float("nan")], ["0", "–", "–"]),
        ([], []),
    ],
)
def test_numbers_of_a_column_have_equal_decimals(values, shown):
    assert [rounding(values)(value) for value in values] == shown


def decimals(text):
    return [len(number.partition(".")[2]) for number in re.findall(r"\d[\d,]*\.?\d*", text)]


@pytest.mark.parametrize("metric", [LOWER, None])
def test_every_column_has_one_number_format(tmp_path, metric):
    found = compare(*read_runs([swept(tmp_path)]), metric, {})
    configurations, statuses = found.configurations, found.statuses
    tables = [(configuration_columns(metric, configurations), configurations)]
    tables += [(run_columns(metric, statuses), statuses)]
    for columns, rows in tables:
        for column in columns:
            if not column.wordy:
                assert len({d for row in rows for d in decimals(column.text(row))}) <= 1


def test_ends_of_intervals_are_not_rounded_to_whole_means(tmp_path):
    root = write_sweep(tmp_path, {"gan": [8.0, 8.0, 8.0], "hinge": [6.0, 7.0, 8.0]})
    rows = compared(root).configurations
    columns = configuration_columns(LOWER, rows)
    shown = {column.title: column.text(rows[1]) for column in columns[:3]}
    assert shown["mean"] == "7.000"
    assert shown["95 % interval"] == "4.516 to 9.484"


def test_numbers_are_right_aligned_words_left_aligned(tmp_path):
    page, _ = write_report([swept(tmp_path)])
    text = page.read_text(encoding="utf-8")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "th, td { padding: .35rem .45rem; text-align: right;" in style
    assert ".words, .extra { text-align: left; }" in style
    heads = re.findall(r'<th class="(\w*)">(.*?)</th>', text)
    left = {title for kind, title in heads if kind}
    recipe = {"loss", "lr", "betas", "n_<wbr>critic", "regularizer", "optimizer", "architecture"}
    recipe |= {"batch size", "EMA"}
    assert left - recipe == {"configuration", "mean and seeds", "health", "folder"}
    table = page.with_suffix(".md").read_text(encoding="utf-8").split("| configuration |")[1]
    titles, rule = table.splitlines()[:2]
    assert rule == "|---|" + "---:|" * titles.count("|")


def named(caption, role):
    """The color or marker that a caption names for a role, or none."""
    found = re.search(rf"(\w+)( ticks)?: {role}", caption)
    return MARKS[found[1]] if found else None


@pytest.mark.parametrize("baseline", [{}, {"loss": "wgan"}])
def test_caption_names_marks_of_intervals(tmp_path, baseline):
    root = write_sweep(tmp_path, {"gan": [9.5, 8.0], "wgan": [7.0, 6.25], "hinge": [5.0, 4.0]})
    found = compare(*read_runs([root]), LOWER, baseline)
    figure, caption = intervals(found)
    (axes,) = figure.axes
    means = {line.get_xdata()[0]: line for line in axes.lines if line.get_marker() in "oD"}
    markers = {c.label: means[c.mean].get_marker() for c in found.configurations}
    assert markers.pop(f"loss={baseline.get('loss', 'gan')}") == named(caption, "the baseline")
    assert set(markers.values()) == {"o"}
    assert len({to_hex(line.get_color()) for line in means.values()}) == 3
    ticks = {to_hex(line.get_color()) for line in axes.lines if line.get_marker() == "|"}
    assert ticks == {named(caption, "single seeds")}


def test_page_names_marks_of_its_table(tmp_path):
    page, _ = write_report([write_sweep(tmp_path, {"gan": [9.5, 8.0], "wgan": [7.0, 6.25]})])
    text = page.read_text(encoding="utf-8")
    (caption,) = re.findall(r'<p class="soft">(Points: .*?)</p>', text)
    assert "diamond: the baseline" in caption
    rows = re.findall(r"<svg class=\"strip\".*?</svg>", text, re.DOTALL)
    (of_baseline,) = (row for row in rows if DIAMOND in row)
    assert 'aria-label="mean 8.750' in of_baseline
    assert all(f'stroke="{named(caption, "single seeds")}"' in row for row in rows)


def test_caption_omits_a_baseline_not_shown(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / f"a{seed}", [2.0 + seed], settings={"seed": seed, "lr": 1})
        write_run(tmp_path / f"b{seed}", [1.0 + seed], settings={"seed": seed, "lr": 2})
    found = compared(tmp_path)
    apart = [each for each in found.configurations if not each.is_baseline]
    assert len(apart) == 1
    page, _ = write_report([tmp_path / "b0", tmp_path / "b1"])
    assert "diamond" not in page.read_text(encoding="utf-8").split("</style>")[1]


def test_training_curves_are_drawn_without_a_metric(tmp_path):
    drawn = figures(compared(write_unevaluated_sweep(tmp_path), metric=None))
    assert list(drawn) == ["losses", "scores", "gradients"]
    for figure, caption in drawn.values():
        assert [len(axes.lines) for axes in figure.axes] == [2, 2]
        assert caption.endswith("bands: from the lowest seed to the highest.")
    single = figures(compared(write_unevaluated_sweep(tmp_path / "single", 1), metric=None))
    assert single["losses"][1].endswith("lines: single seeds.")


def test_runs_show_health_and_speed(tmp_path):
    speed = {"images_per_second": 640.0, "images_seen": 12_800, "steps": 200}
    write_run(tmp_path / "a", [2.0, 1.0], summary={"health": "healthy", **speed})
    write_run(tmp_path / "b", [2.0, 1.0], settings={"seed": 1}, summary={"health": "collapsed"})
    found = compared(tmp_path)
    columns = {column.title: column for column in run_columns(LOWER, found.statuses)}
    healthy, collapsed = found.statuses
    assert columns["steps/s"].text(healthy) == "10"
    assert columns["steps/s"].text(collapsed) == "–"
    assert columns["health"].text(healthy) == "healthy"
    assert columns["health"].text(collapsed) == "collapsed"
    assert columns["health"].style(collapsed) == "words bad"
