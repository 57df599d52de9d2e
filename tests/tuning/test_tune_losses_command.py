"""The command gan-zoo tune-losses with runs that train."""

import csv
import re
import signal

from forked_scripts import ScriptProcess, run_script, wait_until

SMALL = ["dataset.count=300", "batch_size=8", "device=cpu", "log_every=1", "steps=2"]
SMALL += ["evaluation.num_samples=50", "--losses", "wgan", "--results", "results"]


def tune(cwd, *words):
    return run_script("scripts/tune_losses.py", "ring", *SMALL, *words, cwd=cwd)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_search_then_fresh_seeds_then_tables(tmp_path):
    first = tune(tmp_path, "--trials", 1)
    assert first.returncode == 0, first.stderr
    found = rows(tmp_path / "results" / "ring.csv")
    assert [(each["loss"], each["recipe"]) for each in found] == [("wgan", "trial-00")]
    folder = tmp_path / "outputs" / "sweeps" / "tune-ring"
    assert not list(folder.glob("*/checkpoints"))

    again = tune(tmp_path, "--trials", 1)
    assert "1 run, 0 to train" in again.stdout
    other = tune(tmp_path, "--trials", 1, "steps=3")
    assert other.returncode == 2
    assert "steps=3: " in other.stderr
    assert "has this search with other words" in other.stderr

    forgotten = [word for word in SMALL if word != "batch_size=8"]
    fresh = run_script("scripts/tune_losses.py", "ring", *forgotten, "--fresh", cwd=tmp_path)
    assert fresh.returncode == 2
    assert fresh.stderr.startswith("error: batch_size=8: results/ring.csv has this search with")
    fresh = tune(tmp_path, "--fresh", "--jobs", 2)
    assert fresh.returncode == 0, fresh.stderr
    assert len(rows(tmp_path / "results" / "ring-fresh.csv")) == 3 * 5
    assert "| `wgan` |" in (tmp_path / "results" / "tables.md").read_text()
    none = tune(tmp_path, "--fresh", "--losses", "gan")
    assert none.returncode == 2
    assert none.stderr == (
        "error: --losses=gan: no trial with a value in results/ring.csv: run the search first\n"
    )
    path = tmp_path / "results" / "ring.csv"
    text = path.read_text()
    path.write_text(re.sub("healthy|nothing learned", "diverged at step 2: was", text))
    lost = tune(tmp_path, "--fresh")
    assert lost.returncode == 2
    assert lost.stderr == (
        "error: --losses=wgan: in results/ring.csv no trial has a value: 1 of 1 diverged\n"
    )
    nowhere = run_script("scripts/tune_losses.py", "--results", "nowhere", cwd=tmp_path)
    assert nowhere.stderr.startswith("error: --results=nowhere: does not exist")
    assert not (tmp_path / "nowhere").exists()


def test_stopped_search_keeps_what_it_has(tmp_path):
    words = ["ring", *SMALL, "steps=1000", "--trials", 2]
    search = ScriptProcess("scripts/tune_losses.py", *words, cwd=tmp_path)
    folder = tmp_path / "outputs" / "sweeps" / "tune-ring"
    wait_until(lambda: any(path.stat().st_size for path in folder.glob("trial-01-*/metrics.jsonl")))
    search.send_signal(signal.SIGTERM)
    _, errors = search.communicate()
    assert search.returncode == 143
    assert "the same command continues" in errors
    assert len(rows(tmp_path / "results" / "ring.csv")) == 1
    assert list(folder.glob("trial-01-*/checkpoints/*.pt"))
