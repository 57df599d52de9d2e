"""Processes that share a list of runs; here a script stands for training."""

import errno
import signal
import sys
import threading
import time

import pytest

from gan_zoo.run_folder import read_failure
from gan_zoo.training.signals import Interrupted, StopFlag
from gan_zoo.tuning import run_pool
from gan_zoo.tuning.run_pool import RunPool

# Writes its process's number into the run's folder; words make it die or wait.
SCRIPT = """
import json, os, pathlib, signal, subprocess, sys, time
for line in sys.stdin:
    folder, words = json.loads(line)
    path = pathlib.Path(folder)
    path.mkdir(exist_ok=True)
    if "dies" in words:
        os.kill(os.getpid(), signal.SIGKILL)
    if "starts" in words:  # a process that keeps the pipe open
        command = "import time; time.sleep(30); open('ended', 'w')"
        subprocess.Popen([sys.executable, "-S", "-c", command], cwd=folder)
    (path / "began").write_text(str(os.getpid()))
    if {"waits", "starts"} & {*words}:
        time.sleep(60)
    (path / "done").touch()
    print(flush=True)
"""


@pytest.fixture
def pool(tmp_path, monkeypatch):
    monkeypatch.setattr(RunPool, "command", (sys.executable, "-S", "-c", SCRIPT))
    return lambda jobs: RunPool(jobs, [], tmp_path / "log")


def runs(folder, *words):
    return [(folder / str(number), [word]) for number, word in enumerate(words)]


def test_processes_train_several_runs_each(pool, tmp_path):
    given = runs(tmp_path, *["goes"] * 6)
    ended = list(pool(2).train(given, StopFlag()))
    assert sorted(ended) == [folder for folder, _ in given]
    assert len({(folder / "began").read_text() for folder in ended}) <= 2
    assert all((folder / "done").exists() for folder in ended)


def test_killed_process_costs_one_run(pool, tmp_path):
    given = runs(tmp_path, "goes", "dies", "goes")
    assert len(list(pool(1).train(given, StopFlag()))) == 3
    assert read_failure(tmp_path / "1") == "its process was killed by SIGKILL"
    assert (tmp_path / "2" / "done").exists()


def interrupt_begun(flag, *folders):
    """Set the flag, as SIGTERM does, once the runs of these folders have begun."""

    def interrupt():
        while not all((folder / "began").exists() for folder in folders):
            time.sleep(0.05)
        flag.signal_number = signal.SIGTERM

    threading.Thread(target=interrupt, daemon=True).start()


def test_signal_stops_all_processes(pool, tmp_path):
    flag = StopFlag()
    interrupt_begun(flag, *(tmp_path / name for name in "0123"))
    with pytest.raises(Interrupted, match="SIGTERM"):
        list(pool(4).train(runs(tmp_path, *["waits"] * 4, "goes"), flag))
    assert not any((tmp_path / name / "done").exists() for name in "01234")
    assert not read_failure(tmp_path / "0")


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def next_error(pool, given):
    """Train in a thread, which a test can outlive, until an error ends it; return the error."""
    found = []

    def train():
        try:
            list(pool.train(given, StopFlag()))
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=train, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "waits forever"
    return found[0]


def test_full_disk_ends_the_search(pool, tmp_path, monkeypatch):
    """The reason of a killed process cannot be written; the run beside it is stopped."""

    def fail_once_both_train(*_):
        while not (tmp_path / "1" / "began").exists():
            time.sleep(0.05)
        full_disk()

    monkeypatch.setattr(run_pool, "write_failure", fail_once_both_train)
    error = next_error(pool(2), runs(tmp_path, "dies", "waits", "goes"))
    assert isinstance(error, OSError)
    assert "No space left" in str(error)
    assert not (tmp_path / "1" / "done").exists()
    assert not (tmp_path / "2").exists()


def test_process_that_cannot_start_ends_the_search(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(RunPool, "command", ("no-such-program",))
    assert isinstance(next_error(pool(2), runs(tmp_path, "goes", "goes")), FileNotFoundError)


def test_stop_does_not_wait_for_what_a_process_started(pool, tmp_path):
    flag = StopFlag()
    interrupt_begun(flag, tmp_path / "0")
    with pytest.raises(Interrupted):
        list(pool(2).train(runs(tmp_path, "starts", "waits"), flag))
    assert not (tmp_path / "0" / "ended").exists()


def test_signal_stops_a_pool_whose_runs_end_at_once(pool, tmp_path):
    flag = StopFlag()
    flag.signal_number = signal.SIGTERM
    with pytest.raises(Interrupted):
        list(pool(1).train(runs(tmp_path, *["goes"] * 50), flag))
    assert not (tmp_path / "49" / "done").exists()
