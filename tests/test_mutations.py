"""Damaged files are read correctly or refused by name; nothing in them is ever run.

For damaged checkpoints see tests/test_resume.py.
"""

import json
import math
import random
import sys
from pathlib import Path

import pytest

from gan_zoo.monitoring.jsonl import json_line, truncate_jsonl
from gan_zoo.report.comparison import compare
from gan_zoo.report.read_runs import read_runs

sys.path.append(str(Path(__file__).parent / "report"))

from report_folders import METRIC, write_run

MUTATIONS = 400
HYDRA = ("config", "hydra", "overrides")


def mutated(content, rng):
    """Flip, cut, repeat or insert bytes."""
    content, place = bytearray(content), rng.randrange(len(content))
    kind = rng.randrange(4)
    if kind == 0:
        content[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del content[place:]
    elif kind == 2:
        content[place:place] = content[: rng.randrange(len(content))]
    else:
        odd = [
            b"\xff\xfe",
            b"\x00",
            b"NaN",
            b"{",
            b"1e999",
            b"\n",
            b'"',
            b"!!python/object:os.x {}",
        ]
        content[place:place] = rng.choice(odd)
    return bytes(content)


VALUES = {
    "loss/critic": 1.25,
    "score/real": math.nan,
    "health/distance_ratio": 1.0,
    "health/duplicates": 0.0,
}
LINES = [json_line(step, VALUES) for step in range(1, 13)]


def test_damaged_metrics_are_cut_to_readable_lines(tmp_path):
    path, rng = tmp_path / "metrics.jsonl", random.Random(0)
    intact = 0
    for _ in range(MUTATIONS):
        path.write_bytes(mutated(b"".join(LINES), rng))
        truncate_jsonl(path, step=10)
        kept = path.read_bytes().splitlines(keepends=True)
        assert all(0 <= json.loads(line)["step"] <= 10 for line in kept)
        intact += sum(line in kept for line in LINES[:10])
    assert intact > 7 * MUTATIONS  # of ten lines; cut lines are lost


FILES = ("metrics.jsonl", "summary.json", "evaluation.json", *(f".hydra/{n}.yaml" for n in HYDRA))


@pytest.mark.parametrize("name", FILES)
def test_damaged_runs_are_correct_or_unreadable(tmp_path, name):
    one, other = (write_run(tmp_path / n, [2.0, 1.0]) for n in ("one", "other"))
    (one / "evaluation.json").write_text(json.dumps({"step": 200, "metrics": {METRIC: 1.5}}))
    original, rng = (one / name).read_bytes(), random.Random(0)
    for _ in range(MUTATIONS // 4):
        (one / name).write_bytes(mutated(original, rng))
        runs, unreadable = read_runs([tmp_path])
        assert len(runs) + len(unreadable) == 2
        assert all(each.name == "one" and "\n" not in each.reason for each in unreadable)
        assert compare(runs, unreadable, None, {}).statuses
        (undamaged,) = (run for run in runs if run.folder == other)
        assert undamaged.metrics[METRIC] == 1.0
