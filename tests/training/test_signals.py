"""Signals that somebody else handles: a run saves, and that handler decides."""

import os
import signal
import sys

import pytest

from gan_zoo import checkpoints
from gan_zoo.experiment import load_experiment
from gan_zoo.run import train
from gan_zoo.run_folder import newest_step
from gan_zoo.training.signals import Interrupted, catch_signals

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


def test_handlers_act_in_the_order_of_their_signals(experiment, tmp_path, handle):
    came = []
    for number in (signal.SIGTERM, signal.SIGUSR2):
        handle(number, lambda number, frame: came.append(number))
    train(experiment, tmp_path, stop=send_at(5, signal.SIGUSR2, signal.SIGTERM))
    assert came == [signal.SIGUSR2, signal.SIGTERM]
