"""The benchmark of evaluations has a row for each group of metrics, and one for all."""

import json

from forked_scripts import run_script
from gan_zoo.evaluation.config import MIXTURE


def test_each_group_of_metrics_has_a_row(tmp_path):
    words = ["--out", str(tmp_path), "metrics", "dataset=ring", "dataset.count=200", "device=cpu"]
    words += ["--samples", "50", "--repeats", "2"]
    ran = run_script("scripts/benchmark.py", *words)
    assert ran.returncode == 0, ran.stderr
    rows = json.loads((tmp_path / "metrics.json").read_text())["rows"]
    assert [row["group"] for row in rows] == [*MIXTURE.tags, "all"]
    assert all(row["samples"] == 50 and row["seconds"] > 0 for row in rows)
