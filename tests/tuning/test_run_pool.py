"""Processes that share a list of runs; here a script stands for training."""

import signal
import sys
import threading
import time

import pytest

from gan_zoo.run_folder import read_failure
from gan_zoo.training.signals import Interrupted, StopFlag
from gan_zoo.tuning.run_pool import RunPool

# Writes its process's number into the run's folder; words make it die or wait.
SCRIPT = """
import json, os, pathlib, signal, sys, time
for line in sys.stdin:
    folder, words = json.loads(line)
    path = pathlib.Path(folder)
    path.mkdir(exist_ok=True)
    if "dies" in words:
        os.kill(os.getpid(), signal.SIGKILL)
    (path / "began").write_text(str(os.getpid()))
    if "waits" in words:
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


def test_signal_stops_all_processes(pool, tmp_path):
    flag = StopFlag()

    def interrupt():
        while not ((tmp_path / "0" / "began").exists() and (tmp_path / "1" / "began").exists()):
            time.sleep(0.05)
        flag.signal_number = signal.SIGTERM

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Interrupted, match="SIGTERM"):
        list(pool(2).train(runs(tmp_path, "waits", "waits", "goes"), flag))
    assert not any((tmp_path / name / "done").exists() for name in "012")
    assert not read_failure(tmp_path / "0")
