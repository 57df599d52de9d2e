"""The benchmark of stacks compares them with runs one after the other and at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_rows_compare_a_stack_with_other_ways(tmp_path):
    words = ["--out", tmp_path, "stack", "--case", "mixture", "--runs", 2, "--seconds", 1]
    command = [sys.executable, "scripts/benchmark.py", *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    (row,) = json.loads((tmp_path / "stack.json").read_text())["rows"]
    assert (row["case"], row["runs"], row["compile"]) == ("mixture", 2, "false")
    assert min(row[key] for key in ("one_by_one", "at_once", "stack", "times_one_by_one")) > 0
