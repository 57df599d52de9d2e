"""Jobs that run at once are shown by the process that started them, from their folders."""

import json

import pytest

from gan_zoo.launch import sweep_progress
from gan_zoo.launch.sweep_display import SweepDisplay
from gan_zoo.launch.sweep_progress import PlannedJob, SweepProgress
from gan_zoo.run_folder import write_failure
from gan_zoo.run_lock import lock_folder


@pytest.fixture
def jobs(tmp_path):
    found = [PlannedJob(tmp_path / f"seed={i}", f"seed={i}", 100, 2) for i in range(4)]
    for job in found:
        job.folder.mkdir()
    return found


@pytest.fixture
def display(tmp_path, jobs, monkeypatch):
    """The display of four jobs, whose clock stands ten seconds after the start."""
    now = [1000.0]
    monkeypatch.setattr(sweep_progress.time, "time", lambda: now[0])
    display = SweepDisplay(SweepProgress(tmp_path, jobs, False, False))
    now[0] += 10
    return display


def finish(job):
    summary = {"steps": job.steps, "seconds": 7.0, "health": "healthy"}
    (job.folder / "summary.json").write_text(json.dumps(summary))


def test_summary_counts_jobs_and_estimates(display, jobs):
    assert display.summary() == "0/4 done, 0 running"
    with lock_folder(jobs[0].folder), lock_folder(jobs[1].folder):
        for job in jobs[:2]:  # a broken line, and one that is being written
            lines = '{"step": 5}\nx\n{"step": 20}\n{"st'
            (job.folder / "metrics.jsonl").write_text(lines)
        display.update()
        # 10 s for 80 updates, and 720 are left
        assert display.summary() == "0/4 done, 2 running, about 90 s left"
        finish(jobs[0])
    write_failure(jobs[1].folder, "no room")
    display.update()
    # 10 s for 240 updates; 400 are left
    assert display.summary() == "1/4 done, 0 running, 1 failed, about 20 s left"


def test_each_ended_job_is_one_line(display, jobs, capsys):
    finish(jobs[2])
    display.update()
    write_failure(jobs[0].folder, "no room")
    for _ in range(2):
        display.update()
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "job 3/4  seed=2  healthy  7.0 s  about 30 s left",
        "job 1/4  seed=0  failed: no room  0.0 s  about 20 s left",
    ]


def test_stopped_job_says_what_is_saved(display, jobs, capsys):
    (jobs[1].folder / "checkpoints").mkdir()
    (jobs[1].folder / "checkpoints" / "00000040.pt").touch()
    with lock_folder(jobs[0].folder), lock_folder(jobs[1].folder):
        display.update()
    display.update()
    assert capsys.readouterr().out == ""  # its reason may follow
    write_failure(jobs[0].folder, "no room")
    display.update()
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("job 1/4  seed=0  failed: no room  0.")
    assert second.startswith("job 2/4  seed=1  stopped; saved at step 40  0.")
    assert display.summary() == "0/4 done, 0 running, 1 failed"


def test_closed_display_shows_the_last_jobs(display, jobs, capsys):
    display.start()
    finish(jobs[3])
    display.close()
    assert capsys.readouterr().out.startswith("job 4/4  seed=3  healthy  7.0 s")
