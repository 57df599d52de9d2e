"""The benchmark of devices compares one run on several with one device and separate runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_rows_compare_devices_and_separate_runs(tmp_path):
    words = ["--out", tmp_path, "devices", "--case", "mixture", "--steps", 3, "batch_size=8"]
    command = [sys.executable, "scripts/benchmark.py", *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    (row,) = json.loads((tmp_path / "devices.json").read_text())["rows"]
    assert (row["case"], row["devices"]) == ("mixture", 2)
    assert min(value for key, value in row.items() if key != "case") > 0
