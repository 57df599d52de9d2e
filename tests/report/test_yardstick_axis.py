"""The report says and draws what the metric's values mean, where runs recorded it."""

import json

import numpy as np
import pytest

from gan_zoo.report.build import figures, write_report
from gan_zoo.report.findings import findings
from gan_zoo.report.yardstick_axis import TITLE
from report_folders import METRIC, add_metrics, compared, write_sweep

NOISE = {"0": 0.5, "0.1": 5.0, "0.2": 20.0, "0.4": 90.0, "1": 500.0}
CLASSES = {"0": 0.5, "1": 9.0, "3": 30.0, "5": 66.0, "9": 250.0}
YARDSTICK = {"yardstick": {METRIC: {"noise": NOISE, "missing classes": CLASSES}}}
LOSSES = {"gan": [30.0, 34.0], "hinge": [9.0, 10.0], "wgan": [400.0, 410.0]}


def add_yardstick(root, content=YARDSTICK):
    for path in root.glob("*/summary.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), **content}))
    return root


@pytest.fixture
def sweep(tmp_path):
    return add_yardstick(write_sweep(tmp_path, LOSSES))


def scale_of(figure):
    """Return the words of the ticks of a figure's second scale, by value."""
    (other,) = (axes for axes in figure.axes if TITLE in (axes.get_xlabel(), axes.get_ylabel()))
    axis = other.yaxis if other.get_ylabel() == TITLE else other.xaxis
    figure.draw_without_rendering()
    return dict(
        zip(axis.get_majorticklocs(), (t.get_text() for t in axis.get_ticklabels()), strict=True)
    )


def test_axes_show_the_yardstick(sweep):
    drawn = figures(compared(sweep))
    assert set(drawn) == {"intervals", "learning", "cost"}
    for figure, caption in drawn.values():
        assert f"damaged real samples of the same {METRIC}" in caption
        words = scale_of(figure)
        own, other = figure.axes
        assert (own.get_xlim(), own.get_xscale()) == (other.get_xlim(), other.get_xscale())
        assert (own.get_ylim(), own.get_yscale()) == (other.get_ylim(), other.get_yscale())
        noise = {value: float(text.split()[1]) for value, text in words.items() if "noise" in text}
        assert len(noise) >= 2
        assert len(words) > len(noise)  # and missing classes
        for value, amount in noise.items():
            assert value == pytest.approx(
                np.interp(amount, list(map(float, NOISE)), [*NOISE.values()])
            )


def test_ticks_of_counts_are_whole_and_named_once(tmp_path):
    classes = {"0": 1.0, "4": 40.0, "9": 900.0}
    found = write_sweep(tmp_path, {"gan": [395.0, 396.0], "hinge": [400.0, 402.0]})
    add_yardstick(found, {"yardstick": {METRIC: {"missing classes": classes, "noise": NOISE}}})
    for figure, _ in figures(compared(found)).values():
        words = scale_of(figure)
        assert len(set(words.values())) == len(words)
        counted = [value for value, text in words.items() if "missing" in text]
        assert set(counted) <= {40.0 + 172.0 * i for i in range(5)}


def test_table_and_summary_say_what_means_amount_to(sweep):
    page, comparison = write_report([sweep])
    (text,) = findings(comparison)
    assert "The mean of loss=hinge is as far from real as: noise 0.13; or 1 of 10" in text
    lines = (page.parent / "report.md").read_text().splitlines()
    (row,) = (line for line in lines if line.startswith("| loss=gan | 32.0"))
    assert "| noise 0.23; or 3 of 10 classes missing |" in row
    assert "noise 0.23; or 3 of 10 classes missing" in page.read_text()


@pytest.mark.parametrize(
    ("failed", "end"),
    [
        ("hinge", "The mean of loss=gan is as far from real as: noise 0.23; or 3 of 10 classes"),
        ("*", None),
    ],
)
def test_summary_says_nothing_about_means_of_failed_runs(sweep, failed, end):
    for path in sweep.glob(f"loss={failed},*/summary.json"):
        content = {**json.loads(path.read_text()), "health": "collapsed at step 3"}
        path.write_text(json.dumps(content))
    (text,) = findings(compared(sweep))
    assert text.startswith("No winner: ")
    assert end in text if end else "far from real" not in text
    assert "The mean of loss=hinge" not in text


@pytest.mark.parametrize(
    "content",
    [{}, {"yardstick": None}, {"yardstick": {METRIC: []}}, {"yardstick": {"metric/x": {}}}],
)
def test_runs_without_a_yardstick_have_no_scale(tmp_path, content):
    found = compared(add_yardstick(write_sweep(tmp_path, LOSSES), content))
    drawn = figures(found)
    assert drawn
    assert all(len(figure.axes) == 1 for figure, _ in drawn.values())
    assert "far from real" not in " ".join(findings(found))
    page, _ = write_report([tmp_path])
    assert TITLE not in page.read_text()


def test_later_evaluation_brings_its_own_yardstick(sweep):
    for folder in sweep.iterdir():
        content = {"step": 200, "metrics": {METRIC: 5.0}}
        if folder.is_dir():
            (folder / "evaluation.json").write_text(json.dumps(content))
    (status, *_) = compared(sweep).statuses
    assert status.run.yardstick(METRIC) is None  # the summary's is of another protocol
    (status.run.folder / "evaluation.json").write_text(json.dumps({**content, **YARDSTICK}))
    (status, *_) = compared(sweep).statuses
    assert status.run.yardstick(METRIC).describe(5.0).startswith("noise 0.1; ")


def test_values_outside_the_yardstick_have_no_scale(tmp_path):
    root = add_yardstick(write_sweep(tmp_path, {"gan": [900.0, 901.0], "wgan": [950.0, 951.0]}))
    drawn = figures(compared(root))
    assert drawn
    assert all(len(figure.axes) == 1 for figure, _ in drawn.values())


def test_readable_images_without_precision_are_no_failure(sweep):
    add_metrics(sweep, precision_glyphs_cnn=0.0)
    statuses = {status.value: status.failure for status in compared(sweep).statuses}
    assert all((failure == "") == (value < 50) for value, failure in statuses.items())
    assert len({*statuses.values()}) == 2
