"""Two processes never train in one folder at once."""

import errno
import fcntl
import logging
import signal
import time
from pathlib import Path

import pytest

from forked_scripts import ScriptProcess, run_script
from gan_zoo import run_lock
from gan_zoo.run_folder import newest_step, read_failure
from gan_zoo.run_lock import FolderInUse, in_use, lock_folder

SMALL = ["dataset=ring", "dataset.count=300", "batch_size=8", "device=cpu", "evaluate_every=0"]
SMALL += ["sample_every=0", "checkpoint_every=50"]
REASON = "another process is training this run"


@pytest.fixture
def endless(tmp_path):
    """A process that trains in tmp_path/run, and has saved a checkpoint there."""
    folder = tmp_path / "run"
    process = ScriptProcess("train.py", *SMALL, "steps=10000000", f"hydra.run.dir={folder}")
    while newest_step(folder) is None:
        assert process.poll() is None
        time.sleep(0.05)
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)


def test_second_process_ends_in_one_line(endless, tmp_path):
    folder = tmp_path / "run"
    second = run_script("train.py", f"resume={folder}", "steps=20")
    assert second.returncode == 3
    assert second.stderr == f"error: {folder}: {REASON}\n"
    assert endless.poll() is None
    before = newest_step(folder)
    while newest_step(folder) == before:  # the first goes on
        time.sleep(0.05)


def test_lock_ends_with_its_killed_holder(endless, tmp_path):
    folder = tmp_path / "run"
    endless.send_signal(signal.SIGKILL)
    endless.communicate()
    resumed = run_script("train.py", f"resume={folder}", f"steps={newest_step(folder) + 60}")
    assert resumed.returncode == 0, resumed.stderr


def test_job_of_another_process_is_no_failure(tmp_path):
    words = ["-m", "seed=0,1", *SMALL, "steps=2", "sweep=mine"]
    folder = tmp_path / "outputs/sweeps/mine/seed=1"
    with lock_folder(folder):
        called = run_script("train.py", *words, cwd=tmp_path)
    assert called.returncode == 3
    assert called.stderr.splitlines()[-2:] == [
        "1 of 2 jobs not done yet: other processes are training them",
        f"  seed=1: {REASON}",
    ]
    assert read_failure(folder) == ""
    assert called.stdout.startswith("2 jobs: 1 is being trained by another process, 1 to run\n")
    assert f"\njob 2/2  seed=1  {REASON}  " in called.stdout
    assert (folder / "train.log").read_text() == ""
    assert run_script("train.py", *words, cwd=tmp_path).returncode == 0


def test_asking_for_a_lock_makes_no_folder(tmp_path: Path):
    folder = tmp_path / "run"
    assert not in_use(folder)
    assert not folder.exists()
    with lock_folder(folder):
        assert in_use(folder)
    assert not in_use(folder)


def test_folder_is_locked_within_a_process(tmp_path: Path):
    with lock_folder(tmp_path), pytest.raises(FolderInUse), lock_folder(tmp_path):
        pass
    with lock_folder(tmp_path):
        pass


@pytest.fixture
def no_locks(monkeypatch):
    """A function that makes every lock fail with an error, as some file systems do."""

    def fail_with(number):
        def flock(*_):
            raise OSError(number, "this file system's reason")

        monkeypatch.setattr(fcntl, "flock", flock)
        run_lock._warn_of_no_locks.cache_clear()

    return fail_with


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_system_without_locks_is_one_warning(number, tmp_path, no_locks, caplog):
    no_locks(number)
    with caplog.at_level(logging.WARNING):
        for name in ("one", "two"):
            with lock_folder(tmp_path / name):
                assert not in_use(tmp_path / name)
                with lock_folder(tmp_path / name, wait=True):
                    pass
    assert caplog.text.count("this file system has no locks") == 1


def test_other_errors_of_a_lock_are_raised(tmp_path, no_locks):
    no_locks(errno.EIO)
    with pytest.raises(OSError, match="this file system's reason"), lock_folder(tmp_path):
        pass
