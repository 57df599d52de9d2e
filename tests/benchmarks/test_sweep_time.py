"""The benchmark of sweeps compares jobs at once with jobs one after the other."""

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
    assert min(row["seconds_sequential"], row["seconds_parallel"], row["times_faster"]) > 0
