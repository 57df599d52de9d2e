"""A terminal that is closed: what trains in it saves, or goes on if the shell does not tell it.

Nothing can be written any more in either case.
"""

import os
import pty
import signal
import subprocess
import sys

import pytest

from forked_scripts import ROOT, group_is_alive, run_script, wait_until
from gan_zoo.run_folder import newest_step

WORDS = ["dataset=ring", "dataset.count=300", "batch_size=8", "device=cpu", "compile=false"]
WORDS += ["log_every=5", "sample_every=0"]
ENDLESS = [*WORDS, "steps=10000000", "evaluate_every=0"]
TO_THE_END = [*WORDS, "steps=2000", "evaluate_every=2000", "checkpoint_every=500"]
# becomes the script, as the first process of a terminal does, which is told that it is closed
FIRST = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def in_terminal(tmp_path):
    """Return a function that starts a script in a terminal of its own."""
    started = []

    def start(script, *words, told=True):
        master, terminal = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, *(["-c", FIRST] if told else []), str(ROOT / script), *words],
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


PRINTS = """
import sys
from gan_zoo.command_line import one_line_errors
with one_line_errors():
    print("started", flush=True)
    sys.stdin.read()
    print("out")
    print("error", file=sys.stderr)
    open("done", "w")
"""


@pytest.mark.parametrize("options", [[], ["-u"]], ids=["buffered", "unbuffered"])
def test_disowned_program_prints_on(tmp_path, options):
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *options, "-c", PRINTS],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    while not os.read(master, 100).endswith(b"\n"):
        pass
    os.close(master)
    process.communicate(b"go on", timeout=60)
    assert process.returncode == 0
    assert (tmp_path / "done").is_file()


def test_disowned_run_goes_on(in_terminal, tmp_path):
    folder = tmp_path / "run"
    words = [*TO_THE_END, f"hydra.run.dir={folder}"]
    process, master = in_terminal("train.py", *words, told=False)
    close_when(lambda: has_begun(folder), master)
    assert process.wait(120) == 0
    assert (folder / "summary.json").is_file()
    assert "done: " in (folder / "train.log").read_text()


@pytest.mark.slow
def test_disowned_search_goes_on(in_terminal, tmp_path):
    words = ["mine", "loss=choice(gan,lsgan)", *TO_THE_END, "--trials", "2", "--seeds", "1"]
    process, master = in_terminal("scripts/tune.py", *words, told=False)
    search = tmp_path / "outputs/sweeps/mine"
    close_when(lambda: has_begun(search / "trial-0000-seed-0"), master)
    assert process.wait(300) == 0
    assert (search / "report/report.html").is_file()
