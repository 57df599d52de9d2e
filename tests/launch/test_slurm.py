"""Sweeps by submitit: on this machine, and on a SLURM that is played by a stand-in."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import slurm_stand_in
from forked_scripts import run_script, wait_until

ROOT = Path(__file__).parents[2]
SMALL = ["seed=0,1", "dataset=ring", "dataset.count=300", "batch_size=8", "compile=false"]
SMALL += ["device=cpu", "sample_every=0", "evaluate_every=0", "log_every=50", "sweep=mine"]


@pytest.fixture
def start(tmp_path):
    """Start a sweep in a process group of its own."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    started = []

    def start_sweep(*words, **environment):
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), "-m", *SMALL, *words],
            cwd=tmp_path,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start_sweep
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def content(sweep):
    """What the jobs of a sweep logged, without timings."""
    found = {}
    for path in sorted(sweep.glob("*/metrics.jsonl")):
        lines = map(json.loads, path.read_text().splitlines())
        found[path.parent.name] = [
            {key: value for key, value in line.items() if not key.startswith("perf/")}
            for line in lines
        ]
    return found


@pytest.mark.slow
def test_preempted_jobs_resume_at_their_step(start, tmp_path):
    words = ["hydra/launcher=slurm", "hydra.launcher.partition=fast", "steps=1000"]
    words += ["hydra.launcher.array_parallelism=4", "hydra.launcher.cpus_per_task=1"]
    bin_folder = tmp_path / "bin"
    process = start(*words, **slurm_stand_in.install(bin_folder))
    sweep = tmp_path / "outputs/sweeps/mine"
    log = sweep / "seed=0/metrics.jsonl"
    wait_until(lambda: log.exists() and log.read_text())
    pid = int((bin_folder / "1001_0.pid").read_text())
    for number in (signal.SIGTERM, signal.SIGCONT, signal.SIGUSR2):  # as SLURM preempts
        os.kill(pid, number)
    out, error = process.communicate()
    assert process.returncode == 0, error
    assert "report: " in out
    assert "resuming from step" in (sweep / "seed=0/train.log").read_text()
    assert "resuming" not in (sweep / "seed=1/train.log").read_text()

    options = slurm_stand_in.options((bin_folder / "1001.sh").read_text())
    expected = {"partition": "fast", "array": "0-1%2", "signal": "USR2@120", "time": "240"}
    assert {key: options[key] for key in expected} == expected

    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    ran = run_script("train.py", "-m", *SMALL, "steps=1000", cwd=undisturbed)
    assert ran.returncode == 0, ran.stderr
    assert content(sweep) == content(undisturbed / "outputs/sweeps/mine")
