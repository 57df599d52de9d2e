"""The benchmark of startup compares with the time of importing torch."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def call(*words):
    command = [sys.executable, "scripts/benchmark.py", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_rows_have_startup_time_of_each_command(tmp_path):
    ran = call("--out", tmp_path, "start", "dataset=ring", "device=cpu", "--repeats", 1)
    assert ran.returncode == 0, ran.stderr
    rows = json.loads((tmp_path / "start.json").read_text())["rows"]
    assert [row["command"] for row in rows] == [
        "import torch",
        "--help",
        "wrong value",
        "wrong key",
        "first step",
    ]
    assert all(row["seconds"] > 0 and row["cpu_x_import_torch"] > 0 for row in rows)


def test_wrong_override_is_reported():
    ran = call("start", "loss=wgna", "--repeats", 1)
    assert ran.returncode != 0
    assert "loss=wgna: did you mean wgan?" in ran.stderr
