"""Every command: exit codes, and mistakes in one line."""

import argparse
import logging
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from forked_scripts import start_interpreter
from gan_zoo.command_line import one_line_errors, whole_number
from gan_zoo.evaluation.health import DivergedError
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import Interrupted, Stopped

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigError("n", -1, "must be at least 1"), 2, "error: n=-1: must be at least 1"),
        (FileNotFoundError(2, "No such file or directory", "x"), 3, "error: x: No such file"),
        (Stopped("no room\nleft"), 3, "error: no room left"),
        (Interrupted(signal.SIGTERM), 143, "error: stopped by SIGTERM"),
        (KeyboardInterrupt(), 130, "error: stopped by SIGINT"),
        (MemoryError(), 3, "error: out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 3, "error: out of memory"),
        (ConfigError("run", "a\x1b[2Jb", "is none"), 2, r"error: run=a\x1b[2Jb: is none"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_expected_error_is_one_line_with_exit_code(capsys, error, code, message):
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise error
    assert ended.value.code == code
    stderr = capsys.readouterr().err
    assert stderr.startswith(message)
    assert stderr.count("\n") == 1


@pytest.mark.parametrize("words", ["--help", "dataset=ring steps=1 evaluate_every=0 device=cpu"])
def test_closed_streams_are_no_error(tmp_path, words):
    script = SCRIPTS.parent / "train.py"
    command = f"exec {sys.executable} {script} {words} hydra.run.dir=run >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path).returncode == 0
    assert (tmp_path / "run/summary.json").exists() == (words != "--help")


def test_letters_that_the_output_has_not_are_escaped(tmp_path):
    names = np.array(["Müller", "猫"])[np.arange(20) % 2]
    np.savez(tmp_path / "x.npz", x=np.zeros((20, 16, 16), np.uint8), y=names)
    words = ["dataset=npz", "dataset.root=x.npz", "conditional=true", "device=cpu"]
    words += ["steps=1", "batch_size=4", "evaluate_every=0"]
    for script in ("scripts/describe.py", "train.py"):
        process = start_interpreter(script, *words, cwd=tmp_path, PYTHONIOENCODING="cp1252")
        process.stdout.reconfigure(encoding="cp1252")
        stdout, stderr = process.communicate()
        assert process.returncode == 0, stderr
        line = next(line for line in stdout.splitlines() if line.startswith("classes"))
        assert line.split(None, 1)[1] == r"2: Müller (10), \u732b (10)"


def test_unexpected_error_keeps_its_traceback():
    with pytest.raises(RuntimeError, match="a fault"), one_line_errors():
        raise RuntimeError("a fault")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_is_one_line_and_handler_is_restored(capsys, number):
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as ended, one_line_errors():
            os.kill(os.getpid(), number)
        assert ended.value.code == 128 + number
        assert capsys.readouterr().err == f"error: stopped by {number.name}\n"
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_closed_output_is_no_error(capfd, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        handler = logging.StreamHandler(gone)
        record = logging.makeLogRecord({"msg": "step 1"})

        def write():
            handler.handle(record)  # dropped
            print("a table")

        with pytest.raises(SystemExit) as ended, one_line_errors():
            write()
        assert ended.value.code == 128 + signal.SIGPIPE
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "least", "most", "message"),
    [
        ("-1", 1, None, "-1 must be a whole number above 0"),
        ("1.5", 0, None, "1.5 must be a whole number of 0 or more"),
        ("", 0, None, "must be a whole number of 0 or more"),
        ("11", 2, 10, "11 must be a whole number from 2 to 10"),
        ("9" * 30, 1, None, "must be a whole number above 0"),
    ],
)
def test_whole_number_arguments(text, least, most, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        whole_number(least, most)(text)
    assert whole_number(least, most)("7") == 7


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """A function that runs a script in an empty folder; returns its exit code and its errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    (tmp_path / "empty").mkdir()

    def run(script, *words):
        monkeypatch.setattr(sys, "argv", [str(SCRIPTS / script), *words])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPTS / script), run_name="__main__")
        return ended.value.code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sample.py", "nowhere"], "error: run=nowhere: does not exist"),
        (["sample.py", "empty"], "error: checkpoint=empty: holds no checkpoints/*.pt"),
        (["sample.py", "empty", "--seed", "x"], "x must be a whole number of 0 or more"),
        (["sample.py", "empty", "--npz", "-1"], "-1 must be a whole number above 0"),
        (["evaluate.py", "nowhere"], "error: run=nowhere: does not exist"),
        (["evaluate.py", "empty"], "error: run=empty: holds no checkpoints/*.pt, and so no run"),
        (["evaluate.py", "empty", "num_samples=-1"], "error: num_samples=-1: must be at least 10"),
        (["evaluate.py", "num_sample=9"], "error: num_sample=9: is neither a setting nor a run's"),
        (["evaluate.py", "empty", "seed=x"], "error: seed=x: must be an integer"),
        (["evaluate.py", "empty", "device=abacus"], "error: device=abacus: is not available here"),
        (["evaluate.py", "empty", "device=meta"], "error: device=meta: is not available here"),
        (["report.py", "nowhere"], "error: folder=nowhere: is not a folder"),
        (["report.py", "empty"], "error: folder=empty: holds no run"),
        (["report.py", "empty", "--watch", "0"], "0 must be a whole number of seconds above 0"),
        (["export.py", "--mlflow", "nowhere"], "error: folder=nowhere: is not a folder"),
        (["gallery.py", "nowhere"], "error: run=nowhere: holds no samples"),
        (["gallery.py", "empty", "--each", "1"], "1 must be a whole number from 20 to 10000"),
        (["gallery.py", "empty", "--out", "x.txt"], "error: --out=x.txt: must end in .gif"),
        (["describe.py", "dataset=nope"], "error: dataset=nope: choose one of"),
        (["describe.py", "dataset=ring", "dataset.count=x"], "error: dataset.count=x: must be an"),
        (["benchmark.py", "step", "--rounds", "0"], "0 must be a whole number above 0"),
        (["benchmark.py", "step", "--seconds", "nan"], "nan must be a number of seconds"),
        (["benchmark.py", "data", "dataset=nope"], "error: dataset=nope: choose one of"),
        (["kill_harness.py", "--runs", "-1"], "-1 must be a whole number of 0 or more"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_script_mistakes_exit_with_2(call, words, message):
    code, stderr = call(*words)
    assert code == 2
    assert message in stderr
    assert "Traceback" not in stderr
    assert len(stderr.strip().splitlines()) == 1 or stderr.startswith("usage: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sample.py", "run/checkpoints"], "holds no checkpoints/*.pt"),
        (["sample.py", "run/checkpoints/2.pt"], "does not exist"),
        (["evaluate.py", "run/checkpoints"], "and so no run to evaluate"),
        (["gallery.py", "run/samples"], "holds no samples/NNNNNN.png"),
        (["report.py", "run/checkpoints"], "(a folder with .hydra/config.yaml)"),
        (["describe.py", "resume=run/checkpoints"], "or a checkpoint in one"),
        (["describe.py", "resume=run/checkpoints/2.pt"], "or a checkpoint in one"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_folder_inside_a_run_names_the_run(call, words, message):
    for folder in ("run/.hydra", "run/checkpoints", "run/samples"):
        Path(folder).mkdir(parents=True)
    Path("run/.hydra/config.yaml").touch()
    Path("run/checkpoints/00000001.pt").touch()
    code, stderr = call(*words)
    assert code == 2
    assert stderr.endswith(f"{message}; name the run's folder, run\n")
    assert stderr.count("\n") == 1


def test_unwritable_output_exits_with_3(call):
    Path("file").touch()
    code, stderr = call("describe.py", "dataset=ring", "dataset.count=9", "--out", "file/x")
    assert (code, stderr.count("\n")) == (3, 1)
    assert stderr.startswith("error: file/x: ")


def test_failed_evaluation_exits_with_3_and_names_runs(call, monkeypatch):
    def evaluate(self, place):
        raise DivergedError("samples", float("nan"))

    monkeypatch.setattr("gan_zoo.evaluation.offline.OfflineEvaluator.evaluate", evaluate)
    Path("other").mkdir()
    code, stderr = call("evaluate.py", "empty", "other")
    assert code == 3
    assert [line.split(": ")[1] for line in stderr.splitlines()] == ["empty", "other"]
