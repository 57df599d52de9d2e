"""The benchmark of steps compares training loops of the same math."""

import json

from forked_scripts import run_script
from gan_zoo.cpu_cores import available_cores


def test_each_mode_is_compared_with_two_loops(tmp_path):
    words = ["--case", "mixture", "wgan", "--precision", "fp32", "bf16", "--compile", "false"]
    words += ["--rounds", "2", "--seconds", "0.01", "dataset.count=200"]
    ran = run_script("scripts/benchmark.py", "--out", str(tmp_path), "step", *words)
    assert ran.returncode == 0, ran.stderr
    content = json.loads((tmp_path / "step.json").read_text())
    assert content["machine"]["torch"]
    ways = ["bare", "textbook", "fp32 compile=false", "bf16 compile=false"]
    assert [(row["case"], row["way"]) for row in content["rows"]] == [
        (case, way) for case in ("mixture", "wgan") for way in ways
    ]
    for row in content["rows"]:
        assert row["us_per_step"] > 0
        assert 0 < row["floor_share"] < 2
        assert row["peak_mb"] is None or row["peak_mb"] > 0
    assert all(row["times_bare"] == 1 for row in content["rows"] if row["way"] == "bare")


def test_numbers_of_threads_are_compared_beside_busy_programs(tmp_path):
    words = ["--case", "mixture", "--neighbors", "0,1", "--rounds", "1", "--seconds", "0.01"]
    words.append("dataset.count=200")
    ran = run_script("scripts/benchmark.py", "--out", str(tmp_path), "step", *words)
    assert ran.returncode == 0, ran.stderr
    rows = json.loads((tmp_path / "step.json").read_text())["rows"]
    counts = [str(count) for count in sorted({1, available_cores()})]
    expected = [(n, threads) for n in (0, 1) for threads in ("auto", *counts)]
    assert [(row["neighbors"], row["threads"]) for row in rows] == expected
    for n in (0, 1):
        assert (
            min(r["times_best"] for r in rows if r["neighbors"] == n and r["threads"] in counts)
            == 1
        )
    assert all(row["ms_per_step"] > 0 for row in rows)
