"""The command gan-zoo tune with trials that train."""

import json
import os
import re
import signal
import sqlite3

import pytest

from forked_scripts import ScriptProcess, run_script, wait_until
from gan_zoo.report.read_runs import read_runs

SMALL = ["dataset=ring", "dataset.count=300", "batch_size=8", "device=cpu", "log_every=10"]
SMALL += ["sample_every=0", "evaluation.num_samples=50"]
LR = "optimizer.lr=interval(1e-4,1e-2,log)"


@pytest.fixture(autouse=True)
def _optuna():
    pytest.importorskip("optuna", reason="Optuna is not installed: pip install gan-zoo[tune]")


def tune(cwd, *words):
    return run_script("scripts/tune.py", *words, cwd=cwd)


def states(folder):
    """Return how the trials of a search ended, as its database has it."""
    with sqlite3.connect(f"file:{folder / 'search.db'}?mode=ro", uri=True) as database:
        return [state for (state,) in database.execute("select state from trials order by number")]


def test_search_trains_trials_and_reports(tmp_path):
    words = ["lrs", *SMALL, "steps=20", "evaluate_every=10", LR, "loss=choice(wgan,hinge)"]
    first = tune(tmp_path, *words, "--trials", 2, "--jobs", 2)
    assert first.returncode == 0, first.stderr
    folder = tmp_path / "outputs" / "sweeps" / "lrs"
    assert states(folder) == ["COMPLETE"] * 2
    runs, unreadable = read_runs([folder])
    assert [run.name for run in runs] == [f"trial-000{t}-seed-{s}" for t in (0, 1) for s in (0, 1)]
    assert not unreadable
    assert {run.summary["steps"] for run in runs} == {20}
    assert "2 at once; metric/" in first.stdout  # OMP_NUM_THREADS is set: trials do not share cores
    assert "2 trials: 2 complete" in first.stdout
    assert re.search(r" seed=2,3,4,5,6 sweep=lrs-best-[01]\n$", first.stdout)
    assert (folder / "report" / "report.html").is_file()
    for name in ("history", "importance", "settings"):
        assert (folder / f"search-{name}.png").read_bytes().startswith(b"\x89PNG")

    other = tune(tmp_path, "lrs", *SMALL, LR)
    assert other.returncode == 2
    assert other.stderr.startswith("error: KEY=")
    assert "this search began with" in other.stderr


def test_killed_search_resumes_its_running_trial(tmp_path):
    words = ["mine", *SMALL, "steps=400", "checkpoint_every=20", "evaluate_every=400", LR]
    words += ["--trials", 2, "--seeds", 1]
    folder = tmp_path / "outputs" / "sweeps" / "mine"
    log = folder / "trial-0000.log"
    search = ScriptProcess("scripts/tune.py", *words, cwd=tmp_path)
    wait_until(lambda: any(folder.glob("trial-0000-seed-0/checkpoints/*.pt")))
    search.send_signal(signal.SIGKILL)
    search.communicate()
    wait_until(lambda: "stopped by SIGTERM" in log.read_text())  # the trial does not train on
    assert states(folder) == ["RUNNING"]
    assert not (folder / "trial-0000-seed-0" / "summary.json").exists()

    again = tune(tmp_path, "mine")
    assert again.returncode == 0, again.stderr
    assert "trial 0: resumed" in again.stdout
    assert "resuming from step" in log.read_text()
    assert states(folder) == ["COMPLETE"] * 2
    summary = json.loads((folder / "trial-0000-seed-0" / "summary.json").read_text())
    assert summary["steps"] == 400


@pytest.mark.slow
def test_diverged_trial_is_pruned(tmp_path):
    words = [*SMALL, "steps=50", "evaluate_every=50", "optimizer.lr=interval(1e20,1e21)"]
    ended = tune(tmp_path, "wild", *words, "--trials", 1)
    assert ended.returncode == 0, ended.stderr
    folder = tmp_path / "outputs" / "sweeps" / "wild"
    assert states(folder) == ["PRUNED"]
    assert "trial 0: pruned: diverged" in ended.stdout
    assert not (folder / "trial-0000-seed-1").exists()


@pytest.mark.slow
def test_sigterm_saves_and_says_how_to_continue(tmp_path):
    words = ["mine", *SMALL, "steps=100000", "evaluate_every=100000", LR, "--jobs", 2]
    folder = tmp_path / "outputs" / "sweeps" / "mine"
    search = ScriptProcess("scripts/tune.py", *words, cwd=tmp_path)
    wait_until(lambda: len(list(folder.glob("trial-*-seed-0/metrics.jsonl"))) == 2)
    second = tune(tmp_path, "mine")
    assert (second.returncode, second.stderr) == (
        2,
        "error: NAME=mine: another process runs this search\n",
    )
    search.send_signal(signal.SIGTERM)
    _, errors = search.communicate()
    assert search.returncode == 143
    line = errors.strip().splitlines()[-1]
    assert line.startswith("error: stopped by SIGTERM; ")
    assert line.endswith("tune.py mine --jobs 2 continues")
    assert states(folder) == ["RUNNING"] * 2
    assert len(list(folder.glob("trial-*-seed-0/checkpoints/*.pt"))) == 2


def test_mistakes_write_nothing(tmp_path):
    for words in (["a/b", LR], ["a"], ["a", "steps=3"], ["a", "optimizr.lr=interval(1,2)"]):
        ended = tune(tmp_path, *words)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert not os.listdir(tmp_path)  # noqa: PTH208


def test_search_that_does_not_exist_is_not_continued(tmp_path):
    ended = tune(tmp_path, "slopes", "--jobs", 2)
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: NAME=slopes: there is no such search in outputs/sweeps; "
        "a new one needs settings, as 'optimizer.lr=interval(1e-5,1e-2,log)'\n"
    )
    for name in ("slope", "other"):
        folder = tmp_path / "outputs" / "sweeps" / name
        folder.mkdir(parents=True)
        (folder / "search.db").touch()
    ended = tune(tmp_path, "slopes")
    assert ended.stderr.endswith("no such search in outputs/sweeps; did you mean slope?\n")
    assert not (tmp_path / "outputs" / "sweeps" / "slopes").exists()


@pytest.mark.parametrize("job", ["seed=0", "loss/divergence=kl"])
def test_folder_of_a_sweep_is_refused(tmp_path, job):
    (tmp_path / "outputs" / "sweeps" / "mine" / job / ".hydra").mkdir(parents=True)
    ended = tune(tmp_path, "mine", LR)
    assert ended.returncode == 2
    assert "is the folder of a sweep: choose another name" in ended.stderr
