"""The benchmark of logging measures each action, and its share of a run."""

import json

import pytest

from forked_scripts import run_script


def test_rows_have_cost_of_each_action(tmp_path):
    small = [
        "dataset=ring",
        "dataset.count=200",
        "batch_size=8",
        "device=cpu",
        "evaluation.num_samples=20",
    ]
    words = ["--out", str(tmp_path), "logging", *small, "--repeats", "2"]
    ran = run_script("scripts/benchmark.py", *words)
    assert ran.returncode == 0, ran.stderr
    rows = json.loads((tmp_path / "logging.json").read_text())["rows"]
    assert [row["action"] for row in rows] == ["scalars", "grid", "checkpoint", "evaluation"]
    for row in rows:
        assert row["ms_loop"] > 0
        share = row["ms_loop"] / (row["every"] * row["ms_step"])
        assert row["share_of_loop"] == pytest.approx(share, rel=0.05, abs=1e-4)
        assert row["share_of_all"] >= row["share_of_loop"]
