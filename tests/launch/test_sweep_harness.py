"""The script that disturbs sweeps plays two of its scenes."""

import sys

import pytest

from forked_scripts import run_interpreter


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_joblib_loses_nothing(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason='needs "gan-zoo[joblib]"')
    events = ["a worker is killed", "Ctrl-C"]
    words = ["joblib", "--seeds", 3, "--steps", 100, "--events", *events]
    ran = run_interpreter("scripts/sweep_harness.py", *words, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    table = [line.strip("| ").split(" | ") for line in ran.stdout.splitlines()]
    assert [row[0] for row in table[2:]] == events
    assert "WRONG" not in ran.stdout
