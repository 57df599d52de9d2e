"""The benchmark of data writes rows, a table and a file."""

import json

from forked_scripts import run_script


def test_rows_have_time_spent_waiting_for_data(tmp_path):
    small = ["dataset.count=200", "batch_size=8", "device=cpu"]
    small += ["architecture.generator.hidden=[8]", "architecture.critic.hidden=[8]"]
    words = ["--out", str(tmp_path), "data", *small, "--steps", "3", "--repeats", "2"]
    ran = run_script("scripts/benchmark.py", *words)
    assert ran.returncode == 0, ran.stderr
    rows = json.loads((tmp_path / "data.json").read_text())["rows"]
    assert [row["way"] for row in rows] == ["on_device", "streamed"] * 2
    for row in rows:
        assert 0 < row["ms_waiting"] < row["ms_per_step"]
        assert abs(row["waiting_share"] - row["ms_waiting"] / row["ms_per_step"]) < 0.01
    header, *lines = ran.stdout.splitlines()
    assert header.split() == list(rows[0])
    assert [line.split()[0] for line in lines[:4]] == ["on_device", "streamed"] * 2
