"""A sweep in several processes stops without loss: jobs save, nothing trains on."""

import os
import pickle
import signal
import socket
import subprocess
import sys

import pytest

from forked_scripts import group_is_alive, kill_group, start_interpreter, wait_until
from gan_zoo.launch.sweep_stop import StopWatch, SweepStop
from gan_zoo.run_folder import newest_step

ENDLESS = ["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1,2", "dataset=ring"]
ENDLESS += ["dataset.count=300", "batch_size=8", "steps=10000000", "compile=false", "device=cpu"]
ENDLESS += ["evaluate_every=0", "sample_every=0", "checkpoint_every=100", "sweep=mine"]


@pytest.fixture
def sweep(tmp_path):
    """A sweep by joblib in a process group of its own, whose first two jobs have saved."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    process = start_interpreter("train.py", *ENDLESS, cwd=tmp_path)
    process.folders = [tmp_path / f"outputs/sweeps/mine/seed={seed}" for seed in (0, 1)]
    wait_until(lambda: all(map(newest_step, process.folders)), 300)
    yield process
    kill_group(process)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "to_all"),
    [(signal.SIGINT, 130, True), (signal.SIGINT, 130, False), (signal.SIGTERM, 143, False)],
    ids=["Ctrl-C in a terminal", "SIGINT to the sweep", "SIGTERM to the sweep"],
)
def test_signal_saves_all_jobs(sweep, number, code, to_all):
    before = [newest_step(folder) for folder in sweep.folders]
    (os.killpg if to_all else os.kill)(sweep.pid, number)
    out, error = sweep.communicate()
    assert sweep.returncode == code, error
    assert "Traceback" not in out + error
    assert error.splitlines()[-1].startswith(f"error: stopped by {signal.Signals(number).name}; 0")
    for folder, step in zip(sweep.folders, before, strict=True):
        assert newest_step(folder) >= step
        assert not list(folder.rglob("*.partial"))
        # saved when it stopped, not at the last multiple of checkpoint_every
        assert "stopped by" in (folder / "train.log").read_text()
    assert not (sweep.folders[0].parent / "seed=2/metrics.jsonl").exists()
    assert not list(sweep.folders[0].parent.glob(".stop*"))
    wait_until(lambda: not group_is_alive(sweep.pid))


@pytest.mark.slow
def test_jobs_of_a_killed_sweep_save_and_end(sweep):
    sweep.kill()
    sweep.communicate()
    wait_until(lambda: not group_is_alive(sweep.pid))
    for folder in sweep.folders:
        assert "stopped by SIGTERM" in (folder / "train.log").read_text()
    assert not (sweep.folders[0].parent / "seed=2/metrics.jsonl").exists()


def test_jobs_see_the_signal_of_their_sweep(tmp_path):
    stop = SweepStop(tmp_path)
    watch = StopWatch(pickle.loads(pickle.dumps(stop)))
    assert watch() == 0
    stop.begin()
    os.kill(os.getpid(), signal.SIGTERM)
    wait_until(lambda: watch() == signal.SIGTERM)
    assert stop.end() == signal.SIGTERM
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("outlived", [False, True])
def test_nohup_of_a_sweep_stays(tmp_path, handle_hangup, outlived):
    stop = SweepStop(tmp_path, outlived=outlived)
    handle_hangup(signal.SIG_IGN)
    stop.begin()
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    stop.end()
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_lost_login_ends_no_jobs_of_a_cluster(tmp_path, handle_hangup):
    handle_hangup(signal.default_int_handler)
    stop = SweepStop(tmp_path, outlived=True)
    stop.begin()
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL  # ends the sweep's process alone
    stop.end()


@pytest.fixture
def handle_hangup():
    """Return a function that sets the handler of SIGHUP."""
    before = signal.getsignal(signal.SIGHUP)
    yield lambda handler: signal.signal(signal.SIGHUP, handler)
    signal.signal(signal.SIGHUP, before)


def test_jobs_of_another_machine_outlive_their_sweep(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here, elsewhere = (
        StopWatch(SweepStop(tmp_path, ended.pid, host)) for host in (socket.gethostname(), "other")
    )
    assert (here(), elsewhere()) == (signal.SIGTERM, 0)


@pytest.mark.parametrize(("cancelled", "code"), [(False, 128 + signal.SIGTERM), (True, 0)])
def test_idle_process_ends_with_its_sweep(tmp_path, cancelled, code):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    script = (
        "import pathlib, time\n"
        "from gan_zoo.launch.sweep_stop import IdleWatch, StopWatch, SweepStop\n"
        f"IdleWatch(StopWatch(SweepStop(pathlib.Path({str(tmp_path)!r}), {ended.pid}))).start()\n"
        f"{'IdleWatch.cancel()' if cancelled else ''}\n"
        f"time.sleep({2 if cancelled else 300})\n"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == code
