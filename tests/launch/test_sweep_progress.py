"""What a sweep shows on the terminal: its size, a line for each job, and a ranked table."""

import dataclasses
import json
import re
import sys

import numpy as np
import pytest

from forked_scripts import run_script
from gan_zoo.launch import check_display, sweep_progress
from gan_zoo.launch.job_outcome import outcome
from gan_zoo.launch.sweep_progress import PlannedJob, SweepProgress
from gan_zoo.launch.sweep_table import ranked_table
from gan_zoo.run_folder import write_failure
from gan_zoo.run_lock import lock_folder
from report_folders import compared, write_sweep, write_unevaluated_sweep

NPZ = ["dataset=npz", "batch_size=8", "device=cpu", "evaluate_every=0"]


def finish(job, steps=None, seconds=10.0):
    summary = {"steps": steps or job.steps, "steps_asked": job.steps, "seconds": seconds}
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / "summary.json").write_text(json.dumps(summary))


@pytest.fixture
def jobs(tmp_path):
    names = ["loss=gan", "loss=wgan", "loss=hinge", "loss=lsgan"]
    return [PlannedJob(tmp_path / name, name, 100, 6 if "wgan" in name else 2) for name in names]


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows what it is set to."""
    now = [1000.0]
    monkeypatch.setattr(sweep_progress.time, "time", lambda: now[0])
    return now


def test_remaining_jobs_are_counted(jobs, tmp_path, capsys):
    finish(jobs[0], seconds=20)
    write_failure(jobs[2].folder, "no room")
    SweepProgress(tmp_path, jobs, False, True).show_start(["steps=100"])
    lines = capsys.readouterr().out.splitlines()
    counts = "1 done already, 1 failed before (retry_failed=true runs them again), 2 to run"
    # 20 s for 200 updates, and 800 are left
    assert lines == [
        f"4 jobs: {counts}, about 80 s",
        f"folder: {tmp_path}",
        "all jobs: steps=100",
    ]
    SweepProgress(tmp_path, jobs, True, True).show_start([])
    assert "4 jobs: 1 done already, 3 to run, about 2 min" in capsys.readouterr().out


def test_jobs_of_other_processes_are_counted(jobs, tmp_path, capsys):
    finish(jobs[0])
    with lock_folder(jobs[1].folder), lock_folder(jobs[2].folder):
        progress = SweepProgress(tmp_path, jobs, False, True)
    progress.show_start([])
    counts = "1 done already, 2 are being trained by another process, 1 to run"
    assert capsys.readouterr().out.startswith(f"4 jobs: {counts}, about 10 s\n")


def test_jobs_keep_their_number_in_the_sweep(jobs, tmp_path, capsys):
    finish(jobs[0])
    write_failure(jobs[1].folder, "no room")
    progress = SweepProgress(tmp_path, jobs, False, True)
    assert progress.display(jobs[2].folder).title.startswith("job 3/4  loss=hinge")
    progress.show_end(jobs[3].folder, "healthy", 9.0)
    assert capsys.readouterr().out.startswith("job 4/4  loss=lsgan  healthy")


def test_longer_runs_are_trained_further(jobs, tmp_path, capsys, clock):
    longer = [dataclasses.replace(job, steps=150) for job in jobs]
    for job in jobs:
        finish(job)
    progress = SweepProgress(tmp_path, longer, False, True)
    progress.show_start([])
    # 40 s for 1200 updates, and half as many are left
    assert capsys.readouterr().out.startswith("4 jobs: 4 to be trained further, about 20 s\n")
    finish(longer[0])
    clock[0] += 10  # for 100 updates; 500 are left
    assert progress.display(longer[1].folder).time_left(0, 50) == "about 50 s left"
    (jobs[3].folder / "summary.json").unlink()
    SweepProgress(tmp_path, longer, False, True).show_start([])
    counts = "1 done already, 2 to be trained further, 1 to run"
    assert capsys.readouterr().out.startswith(f"4 jobs: {counts}, about ")


def test_nothing_is_estimated_before_it_is_known(jobs, tmp_path, capsys, clock):
    progress = SweepProgress(tmp_path, jobs, False, True)
    progress.show_start([])
    assert "about" not in capsys.readouterr().out
    assert progress.display(jobs[0].folder).time_left(0, 100) == ""


def test_estimate_follows_the_speed_of_jobs(jobs, tmp_path, capsys, clock):
    progress = SweepProgress(tmp_path, jobs, False, True)
    clock[0] += 10  # for 50 of 100 steps of the first of jobs with 200, 600, 200 and 200 updates
    assert progress.display(jobs[0].folder).time_left(50, 50) == "about 2 min left"
    assert capsys.readouterr().out == "4 jobs, about 2 min\n"
    progress.display(jobs[0].folder).time_left(60, 40)
    assert capsys.readouterr().out == ""  # once
    finish(jobs[0])
    write_failure(jobs[1].folder, "no room")
    clock[0] += 10  # 20 s for 200 updates; 400 are left
    assert progress.display(jobs[2].folder).time_left(0, 100) == "about 40 s left"


def test_compilation_counts_only_at_first(jobs, tmp_path, clock):
    time_left = SweepProgress(tmp_path, jobs, False, True).display(jobs[0].folder).time_left
    clock[0] += 20  # to compile, and for 10 steps
    assert time_left(10, 90) == "about 20 min left"
    clock[0] += 10  # for 50 more steps, 100 updates; 1080 are left
    assert time_left(60, 40) == "about 2 min left"


def test_parallel_jobs_are_estimated_by_finished_ones(jobs, tmp_path, capsys, clock):
    progress = SweepProgress(tmp_path, jobs, False, False)
    clock[0] += 10
    assert not progress.display(jobs[0].folder).bar
    assert progress.display(jobs[0].folder).time_left(50, 50) == ""
    finish(jobs[0])
    progress.show_end(jobs[0].folder, "healthy", 9.0)
    assert capsys.readouterr().out == "job 1/4  loss=gan  healthy  9.0 s  about 50 s left\n"


def test_jobs_of_a_stack_count_what_they_have_logged(jobs, tmp_path, capsys, clock):
    progress = SweepProgress(tmp_path, jobs, False, True)
    clock[0] += 10
    for job in jobs[:3]:  # trained as one model, of which the first run has ended
        job.folder.mkdir()
        (job.folder / "metrics.jsonl").write_text('{"step": 100}\n')
    finish(jobs[0])
    progress.show_end(jobs[0].folder, "healthy", 9.0)
    # 10 s for 1000 updates; 200 are left
    assert capsys.readouterr().out == "job 1/4  loss=gan  healthy  9.0 s  about 2 s left\n"


def test_diverged_run_counts_the_steps_that_it_made(jobs, tmp_path, clock):
    progress = SweepProgress(tmp_path, jobs, False, True)
    finish(jobs[0], steps=50)
    clock[0] += 10  # for 100 updates; 1000 are left
    assert progress.display(jobs[1].folder).time_left(0, 100) == "about 2 min left"


def test_checks_of_many_jobs_are_announced_once(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(check_display.time, "monotonic", lambda: now[0])
    for seconds, line in ((0.2, "checking 1,000 jobs, about 3 min\n"), (0.001, "")):
        with check_display.shown_checks(range(1000), 1000) as shown:
            for job in shown:
                now[0] += seconds if job else 60  # the first one imports torch
        assert capsys.readouterr().out == line


def test_summary_of_a_finished_job_is_read_once(jobs, tmp_path, monkeypatch):
    progress = SweepProgress(tmp_path, jobs, False, True)
    finish(jobs[0])
    time_left = progress.display(jobs[1].folder).time_left
    time_left(0, 100)
    read = []
    monkeypatch.setattr(sweep_progress, "finished_summary", lambda folder, _: read.append(folder))
    time_left(1, 99)
    assert read == [job.folder for job in jobs[1:]]


def test_damaged_summary_estimates_nothing(jobs, tmp_path, capsys):
    finish(jobs[0], seconds="long")
    SweepProgress(tmp_path, jobs, False, True).show_start([])
    assert capsys.readouterr().out.startswith("4 jobs: 1 done already, 3 to run\n")


def test_line_of_a_job_cannot_control_the_terminal(jobs, tmp_path, capsys):
    SweepProgress(tmp_path, jobs, False, True).show_end(jobs[0].folder, "failed: \x1b[2Jx\ny", 1)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(r"job 1/4  loss=gan  failed: \x1b[2Jx")


@pytest.mark.parametrize(
    ("last", "health", "expected"),
    [
        ({"metric/recall_x": 0.5, "metric/frechet_x": 21.31}, "healthy", "frechet 21.31  healthy"),
        (
            {"loss/critic": 1.25, "loss/generator": 2},
            "healthy",
            "critic 1.25  generator 2  healthy",
        ),
        ({"loss/critic": None}, "diverged at step 8 (loss/critic is nan)", None),
        ({"metric/jsd": 0.5}, "nothing learned (noise) by step 3", "jsd 0.5  nothing learned"),
    ],
)
def test_outcome_of_a_run(last, health, expected):
    assert outcome({"last": last, "health": health}) == (expected or health)


def test_outcome_names_the_step_of_an_older_metric(tmp_path):
    summary = {"steps": 700, "last": {"metric/jsd": 0.5}, "health": "healthy"}
    assert outcome(summary, tmp_path) == "jsd 0.5  healthy"  # unknown
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 600, "metric/jsd": 0.5}\n{"step": 700, "loss/critic": 1}\n')
    assert outcome(summary, tmp_path) == "jsd 0.5 (step 600)  healthy"
    path.write_text('{"step": 600, "metric/jsd": 0.9}\n{"step": 700, "metric/jsd": 0.5}\n')
    assert outcome(summary, tmp_path) == "jsd 0.5  healthy"


@pytest.mark.parametrize("summary", [{}, {"last": None}, {"last": {"loss/critic": "x"}}])
def test_outcome_of_a_damaged_summary_is_empty(summary):
    assert outcome(summary) == ""


@pytest.fixture
def table(tmp_path):
    """A function that writes a sweep with values per loss, and returns its table."""

    def write(losses):
        return ranked_table(compared(write_sweep(tmp_path / "sweep", losses)))

    return write


def test_table_is_ranked_with_intervals(table):
    lines = table({"gan": [3.0, 4.0, 5.0], "wgan": [1.0, 2.0, 3.0]}).splitlines()
    assert lines[0] == "metric/frechet_glyphs_cnn (lower is better)"
    assert re.split(r"  +", lines[1].strip()) == [
        "configuration", "mean (95 % interval)", "n", "health",
    ]  # fmt: skip
    # 2.484 = 4.303 (t of two degrees of freedom) / sqrt(3) on both sides; no distance is below 0
    for line, cells in (
        (lines[2], ["loss=wgan", "2.000 (0.000 to 4.484)", "3", "healthy"]),
        (lines[3], ["loss=gan", "4.000 (1.516 to 6.484)", "3", "healthy"]),
    ):
        assert re.split(r"  +", line.strip()) == cells


def test_two_seeds_show_each(table):
    assert "\n  all runs       3, 5       2  healthy" in table({"gan": [3.0, 5.0]})


def test_table_names_the_most_frequent_problem(tmp_path):
    folder = write_sweep(tmp_path, {"gan": [3.0, 4.0, 5.0, 6.0], "wgan": [1.0, 2.0]})
    for seed, health in enumerate(["healthy", "collapsed at step 3", "collapsed at step 100"]):
        _set_health(folder / f"loss=gan,seed={seed}", health)
    _set_health(folder / "loss=gan,seed=3", "scores exploding since step 5")
    text = ranked_table(compared(folder))
    assert text.splitlines()[-1].endswith("  4  2 collapsed, 1 other")


def test_table_counts_the_runs_of_a_mean(tmp_path):
    folder = write_sweep(tmp_path, {"gan": [1.0, 2.0, 3.0, 4.0], "wgan": [5.0, 6.0]})
    for seed in (2, 3):
        _set_health(folder / f"loss=gan,seed={seed}", "diverged at step 100 (loss/critic is nan)")
    gan, wgan = (
        re.split(r"  +", line.strip()) for line in ranked_table(compared(folder)).splitlines()[2:]
    )
    assert gan == ["loss=gan", "1.000, 2.000", "2 of 4", "2 diverged"]
    assert wgan == ["loss=wgan", "5.000, 6.000", "2", "healthy"]


def _set_health(folder, health):
    path = folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"health": health}))


def test_table_without_metric_shows_losses(tmp_path):
    text = ranked_table(compared(write_unevaluated_sweep(tmp_path), metric=None))
    assert text.startswith("no metric: nothing is ranked\n")
    assert "loss=gan       critic 0.5  generator 0.5  2  healthy" in text


def test_table_fits_the_terminal(table, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    text = table({f"{'long' * 20}{i}": [i + 1.0, i + 2.0, i + 3.0] for i in range(25)})
    assert max(map(len, text.splitlines())) <= 80
    assert text.endswith("... and 5 more in the report")


def test_each_job_leaves_one_line(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((20, 8, 8), np.uint8))
    np.savez(tmp_path / "b.npz", x=np.zeros((20, 8, 8), np.uint8), y=np.full(20, -1))
    swept = ["dataset.root=a.npz,b.npz", "seed=0,1"]
    ran = run_script("train.py", "-m", *NPZ, *swept, "steps=4", "sweep=mine", cwd=tmp_path)
    assert ran.returncode == 3, ran.stderr
    start, rest = ran.stdout.split("\njob 1/4", 1)
    assert start.splitlines() == [
        "4 jobs",
        "folder: outputs/sweeps/mine",
        f"all jobs: {' '.join(NPZ)} steps=4",
    ]
    lines, table = f"job 1/4{rest}".split("\n\n", 1)
    expected = [
        r"job 1/4  dataset.root=a.npz,seed=0  critic \S+  generator \S+  \D+ +[\d.]+ s$",
        r"job 2/4  dataset.root=a.npz,seed=1  critic \S+  generator \S+  \D+ +[\d.]+ s$",
        r"job 3/4  dataset.root=b.npz,seed=0  failed: dataset.root=b.npz: .*  [\d.]+ s$",
        r"job 4/4  dataset.root=b.npz,seed=1  failed: dataset.root=b.npz: .*  [\d.]+ s$",
    ]
    for line, pattern in zip(lines.splitlines(), expected, strict=True):
        assert re.match(pattern, line.partition("  about ")[0]), line
    assert table.startswith("no metric: nothing is ranked\n")
    assert table.endswith("\n\nreport: outputs/sweeps/mine/report/report.html\n")
    log = (tmp_path / "outputs/sweeps/mine/dataset.root=a.npz,seed=0/train.log").read_text()
    for words in ("formula      ", "step 4/4  critic", "last losses  critic", "done: "):
        assert words in log
    assert "\x1b" not in log + ran.stdout


def test_warnings_of_jobs_are_in_their_logs(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((20, 8, 8), np.uint8), y=np.arange(20), z=np.zeros(1))
    words = ["dataset.root=a.npz", "steps=1", "seed=0,1", "sweep=s"]
    ran = run_script("train.py", "-m", *NPZ, *words, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "not used: z" not in ran.stdout + ran.stderr
    for seed in (0, 1):
        assert "not used: z" in (tmp_path / f"outputs/sweeps/s/seed={seed}/train.log").read_text()
