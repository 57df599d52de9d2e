"""Sweeps by Ray on this machine: what happens to its jobs when something ends early."""

import os
import signal
from pathlib import Path

import pytest

from forked_scripts import kill_group, start_interpreter, wait_until
from gan_zoo.run_folder import newest_step

pytest.importorskip("hydra_plugins.hydra_ray_launcher")

SMALL = ["-m", "hydra/launcher=ray", "seed=0,1", "dataset=ring", "dataset.count=300"]
SMALL += ["batch_size=8", "compile=false", "device=cpu", "evaluate_every=0", "sample_every=0"]
SMALL += ["checkpoint_every=100", "log_every=50", "sweep=mine"]


@pytest.fixture
def sweep(tmp_path):
    """Start a sweep in a process group of its own, whose jobs have saved."""
    started = []

    def start_sweep(steps):
        process = start_interpreter("train.py", *SMALL, f"steps={steps}", cwd=tmp_path)
        started.append(process)
        process.folders = [tmp_path / f"outputs/sweeps/mine/seed={seed}" for seed in (0, 1)]
        wait_until(lambda: newest_step(process.folders[0]) or process.poll() is not None, 300)
        assert process.poll() is None, process.communicate()
        return process

    yield start_sweep
    for process in started:
        kill_group(process)


def workers(folder):
    """Processes of Ray that train in a folder's sweep, by what they have open."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            trains = path.read_bytes().startswith(b"ray::_run_job")
            opened = {str(link.readlink()) for link in path.parent.glob("fd/*")}
        except OSError:  # it has ended
            continue
        if trains and any(name.startswith(f"{folder}{os.sep}") for name in opened):
            found.append(int(path.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_the_sweep_saves_all_jobs(sweep, number):
    process = sweep(steps=10_000_000)
    process.send_signal(number)
    out, error = process.communicate()
    assert process.returncode == 128 + number, error
    assert "Traceback" not in out + error
    assert error.splitlines()[-1].startswith(f"error: stopped by {number.name}; 0 of 2 jobs done")
    assert f"stopped by {number.name}" in (process.folders[0] / "train.log").read_text()
    assert not list(process.folders[0].parent.rglob("*.partial"))
    wait_until(lambda: not workers(process.folders[0].parent))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_job_of_a_stopped_process_runs_again(sweep, number):
    process = sweep(steps=2000)
    os.kill(workers(process.folders[0])[0], number)
    out, error = process.communicate()
    assert process.returncode == 0, error
    assert "report: " in out
    assert "resuming from step" in (process.folders[0] / "train.log").read_text()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
def test_jobs_of_a_killed_sweep_save_and_end(sweep):
    process = sweep(steps=10_000_000)
    process.kill()
    process.communicate()
    wait_until(lambda: not workers(process.folders[0].parent))
    assert "stopped by SIGTERM" in (process.folders[0] / "train.log").read_text()
