"""The numbers of the chart in which readers choose the metric."""

import json

import numpy as np
import pytest

from gan_zoo.report.chart_data import charts
from report_folders import METRIC, compared, write_run, write_sweep


def tag_of(chart, name):
    return next(each for each in chart["tags"] if each["tag"] == name)


def test_chart_holds_curves_and_last_values(tmp_path):
    (chart,) = charts(compared(write_sweep(tmp_path, {"gan": [9.0, 8.0], "wgan": [7.0, 5.0]})))
    assert [line["label"] for line in chart["lines"]] == ["loss=wgan", "loss=gan"]
    found = tag_of(chart, METRIC)
    assert found["better"] == "lower"
    curve = {"steps": [100, 200], "mean": [11.0, 6.0], "low": [10.0, 5.0], "high": [12.0, 7.0]}
    assert found["curves"][0] == {**curve, "seeds": 2}
    assert found["last"][1] == {"mean": [8.5], "low": [8.0], "high": [9.0], "seeds": 2}


def test_tags_begin_with_the_reports_metric(tmp_path):
    root = write_sweep(tmp_path, {"gan": [9.0], "wgan": [7.0]})
    for i, path in enumerate(sorted(root.rglob("metrics.jsonl"))):
        extra = {"perf/x": i, "metric/a": i, "loss/critic": i, "same": 1, "progress/images": i}
        path.write_text(path.read_text() + json.dumps({"step": 200, **extra}) + "\n")
    (chart,) = charts(compared(root))
    assert [each["tag"] for each in chart["tags"]] == [METRIC, "metric/a", "loss/critic", "perf/x"]


def test_diverged_run_has_no_part_in_means(tmp_path):
    root = write_sweep(tmp_path, {"gan": [9.0, 8.0], "wgan": [7.0, 5.0]})
    summary = root / "loss=wgan,seed=1/summary.json"
    summary.write_text(json.dumps({"health": "diverged at step 50", "steps": 50}))
    (chart,) = charts(compared(root))
    (last,) = tag_of(chart, METRIC)["last"][:1]
    assert last == {"mean": [7.0], "seeds": 1}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_json_lacks_become_null(tmp_path, bad):
    write_run(tmp_path / "a", [bad, 2.0, 1.0])
    (chart,) = charts(compared(tmp_path))
    assert tag_of(chart, METRIC)["curves"][0]["mean"] == [None, 2.0, 1.0]
    assert json.loads(json.dumps(chart, allow_nan=False)) == chart


def test_long_curves_are_thinned_with_their_ends(tmp_path):
    write_run(tmp_path / "a", list(np.linspace(1, 2, 1000)))
    (chart,) = charts(compared(tmp_path))
    curve = tag_of(chart, METRIC)["curves"][0]
    assert len(curve["mean"]) == len(curve["steps"]) == 200
    assert (curve["steps"][0], curve["steps"][-1]) == (100, 100_000)
