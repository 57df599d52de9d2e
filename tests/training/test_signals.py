"""Signals that somebody else handles: a run saves, and that handler decides."""

import os
import signal
import sys

import pytest

from gan_zoo import checkpoints
from gan_zoo.callbacks import RunCallbacks
from gan_zoo.experiment import load_experiment
from gan_zoo.launch import stack_job, sweep_job
from gan_zoo.run import train
from gan_zoo.run_folder import finished_summary, newest_step
from gan_zoo.training.signals import Interrupted, Stopped, catch_signals

CONFIG = ["dataset=ring", "dataset.count=100", "batch_size=8", "steps=20", "compile=false"]
CONFIG += ["device=cpu", "log_every=1", "sample_every=0", "evaluate_every=0", "checkpoint_every=0"]


@pytest.fixture
def handle():
    """Set signal handlers as the program around a run would."""
    before = {}

    def set_handler(number, handler):
        before.setdefault(number, signal.getsignal(number))
        signal.signal(number, handler)

    yield set_handler
    for number, handler in before.items():
        signal.signal(number, handler)


def send_at(step, *numbers):
    """Return a function for `stop` that sends signals to this process before that step."""
    calls = iter(range(1000))

    def stop():
        if next(calls) == step - 1:
            for number in numbers:
                os.kill(os.getpid(), number)
        return 0

    return stop


@pytest.fixture
def experiment(composed):
    return load_experiment(composed(*CONFIG))


def test_outer_handler_that_returns_changes_nothing(experiment, tmp_path, handle):
    saved = []
    handle(signal.SIGTERM, lambda number, frame: saved.append(newest_step(tmp_path / "run")))
    train(experiment, tmp_path / "run", stop=send_at(5, signal.SIGTERM, signal.SIGTERM))
    assert saved == [5]
    train(experiment, tmp_path / "whole")
    run, whole = (checkpoints.load_latest(tmp_path / name)[1] for name in ("run", "whole"))
    assert run["step"] == whole["step"] == 20
    assert all(run["generator"][key].equal(value) for key, value in whole["generator"].items())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_outer_handler_can_end_the_program(experiment, tmp_path, handle, number):
    handle(number, lambda number, frame: sys.exit(7))
    with pytest.raises(SystemExit, match="7"):
        train(experiment, tmp_path, stop=send_at(5, number))
    assert newest_step(tmp_path) == 5
    assert train(experiment, tmp_path, stop=send_at(5))["steps"] == 20


def test_failing_outer_handler_interrupts_the_run(experiment, tmp_path, handle):
    def refuse(number, frame):
        raise RuntimeError("timed out too many times")

    handle(signal.SIGUSR2, refuse)
    with pytest.raises(Interrupted, match="stopped by SIGUSR2"):
        train(experiment, tmp_path, stop=send_at(5, signal.SIGUSR2))
    assert newest_step(tmp_path) == 5
    assert signal.getsignal(signal.SIGUSR2) is refuse


def test_signals_without_outer_handler_end_the_run(experiment, tmp_path):
    with pytest.raises(Interrupted, match="stopped by SIGTERM"):
        train(experiment, tmp_path, stop=send_at(5, signal.SIGTERM))
    with catch_signals():
        assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL


def test_closed_terminal_may_send_two_signals(experiment, tmp_path, handle):
    handle(signal.SIGHUP, signal.SIG_DFL)
    with pytest.raises(Interrupted, match="stopped by SIGHUP"):
        train(experiment, tmp_path, stop=send_at(5, signal.SIGHUP, signal.SIGHUP))
    assert newest_step(tmp_path) == 5
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


def test_nohup_outlives_its_terminal(experiment, tmp_path, handle):
    handle(signal.SIGHUP, signal.SIG_IGN)
    summary = train(experiment, tmp_path, stop=send_at(5, signal.SIGHUP))
    assert summary["steps"] == 20
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_handlers_act_in_the_order_of_their_signals(experiment, tmp_path, handle):
    came = []
    for number in (signal.SIGTERM, signal.SIGUSR2):
        handle(number, lambda number, frame: came.append(number))
    train(experiment, tmp_path, stop=send_at(5, signal.SIGUSR2, signal.SIGTERM))
    assert came == [signal.SIGUSR2, signal.SIGTERM]


@pytest.fixture
def late_signal(monkeypatch):
    """Send SIGTERM to this process when training has ended and the summary is not written yet."""
    on_end, send = RunCallbacks.on_end, send_at(1, signal.SIGTERM)

    def send_and_end(callbacks, origin):
        send()
        return on_end(callbacks, origin)

    monkeypatch.setattr(RunCallbacks, "on_end", send_and_end)


@pytest.mark.usefixtures("late_signal")
def test_signal_after_the_last_step_is_not_lost(experiment, tmp_path):
    with pytest.raises(Interrupted, match="stopped by SIGTERM") as caught:
        train(experiment, tmp_path)
    assert caught.value.failure is None
    assert finished_summary(tmp_path, 20)


@pytest.mark.usefixtures("late_signal")
def test_outer_handler_is_called_after_the_last_step(experiment, tmp_path, handle):
    came = []
    handle(signal.SIGTERM, lambda number, frame: came.append(number))
    assert train(experiment, tmp_path)["steps"] == 20
    assert came == [signal.SIGTERM]


@pytest.mark.usefixtures("late_signal")
@pytest.mark.parametrize("stacked", [False, True])
def test_signal_after_the_last_step_stops_a_sweep(experiment, tmp_path, stacked, monkeypatch):
    monkeypatch.setattr(sweep_job.SweepJob, "show_end", lambda job, result: shown.append(result))
    monkeypatch.setattr(stack_job, "save_config", lambda config, folder: None)
    monkeypatch.setattr(
        sweep_job, "train_job", lambda each, _, folder, **shown: train(each, folder)
    )
    shown = []
    jobs = [sweep_job.SweepJob(experiment, None, tmp_path / name, None) for name in "ab"]
    with pytest.raises(SystemExit, match="143"):
        (stack_job.StackJob(jobs, 0) if stacked else jobs[0]).train()
    assert len(shown) == 1 + stacked
    assert not any("failed" in each for each in shown)


def test_failure_while_a_signal_stops_a_run_is_told(experiment, tmp_path, monkeypatch):
    def check(saver):
        raise Stopped("no space left")

    monkeypatch.setattr(checkpoints.CheckpointSaver, "check", check)
    found = "stopped by SIGTERM; no space left"
    with pytest.raises(Interrupted, match=found) as caught:
        train(experiment, tmp_path, stop=send_at(5, signal.SIGTERM))
    assert isinstance(caught.value.failure, Stopped)
