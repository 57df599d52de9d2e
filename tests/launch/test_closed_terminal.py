"""A terminal that is closed: what trains in it saves, though nothing can be written any more."""

import os
import pty
import signal
import subprocess
import sys

import pytest

from forked_scripts import ROOT, group_is_alive, run_script, wait_until
from gan_zoo.run_folder import newest_step

ENDLESS = ["dataset=ring", "dataset.count=300", "batch_size=8", "steps=10000000", "device=cpu"]
ENDLESS += ["compile=false", "log_every=5", "evaluate_every=0", "sample_every=0"]
# becomes the script, as the first process of a terminal does
START = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def in_terminal(tmp_path):
    """Return a function that starts a script in a terminal of its own."""
    started = []

    def start(script, *words):
        master, terminal = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(ROOT / script), *words],
            cwd=tmp_path,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        os.set_blocking(master, False)
        started.append(process)
        return process, master

    yield start
    for process in started:
        if group_is_alive(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def close_when(condition, master):
    """Show what a terminal gets until a condition is true, then close the terminal."""

    def is_true():
        try:
            while os.read(master, 65536):
                pass
        except BlockingIOError:
            pass
        return condition()

    wait_until(is_true, 300)
    os.close(master)


def has_begun(folder):
    metrics = folder / "metrics.jsonl"
    return metrics.is_file() and metrics.stat().st_size > 0


@pytest.mark.parametrize(
    "devices", ["devices=1", pytest.param("devices=2", marks=pytest.mark.slow)]
)
def test_run_saves_and_resumes(in_terminal, tmp_path, devices):
    folder = tmp_path / "run"
    words = [*ENDLESS, devices, "checkpoint_every=0", f"hydra.run.dir={folder}"]
    process, master = in_terminal("train.py", *words)
    close_when(lambda: has_begun(folder), master)
    assert process.wait(120) == 128 + signal.SIGHUP
    step = newest_step(folder)
    assert step  # of its end: it saves at no other
    assert not list(folder.rglob("*.partial"))
    steps = f"steps={step + 5}"
    resumed = run_script("train.py", f"resume={folder}", steps, "devices=1", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert f"resuming from step {step}: " in resumed.stdout


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_sweep_saves_and_is_reported(in_terminal, tmp_path, launcher):
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ["-m", *ENDLESS, f"hydra/launcher={launcher}", "seed=0,1,2", "sweep=mine"]
    words += ["checkpoint_every=0"]
    words += ["hydra.launcher.n_jobs=2"] if launcher == "joblib" else []
    process, master = in_terminal("train.py", *words)
    sweep = tmp_path / "outputs/sweeps/mine"
    running = [sweep / f"seed={seed}" for seed in range(2 if launcher == "joblib" else 1)]
    close_when(lambda: all(map(has_begun, running)), master)
    assert process.wait(120) == 128 + signal.SIGHUP
    for folder in running:
        assert newest_step(folder)
    assert not (sweep / "seed=2/metrics.jsonl").exists()
    assert (sweep / "report/report.html").is_file()
    wait_until(lambda: not group_is_alive(process.pid))
