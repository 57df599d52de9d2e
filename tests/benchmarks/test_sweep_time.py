"""The benchmark of sweeps compares jobs at once and in stacks with jobs one after the other."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_rows_compare_whole_commands(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ["--out", tmp_path, "sweep", "--case", "mixture", "--jobs", 2, "steps=2"]
    command = [sys.executable, "scripts/benchmark.py", *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    (row,) = json.loads((tmp_path / "sweep.json").read_text())["rows"]
    assert (row["case"], row["jobs"], row["workers"]) == ("mixture", 2, 2)
    ways = ("sequential", "parallel", "stacked")
    sequential, parallel, stacked = (row[f"seconds_{way}"] for way in ways)
    assert min(sequential, parallel, stacked) > 0
    assert row["times_faster"] == pytest.approx(sequential / parallel, abs=0.1)
    assert row["times_faster_stacked"] == pytest.approx(sequential / stacked, abs=0.1)
