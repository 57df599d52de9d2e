"""Metrics that arrive from the device later are logged as if they had arrived at once."""

import json
import shutil
import types

import pytest

from gan_zoo.evaluation.periodic import PeriodicEvaluation
from gan_zoo.monitoring import logger
from gan_zoo.monitoring.progress import Progress
from gan_zoo.training import meters
from gan_zoo.training.meters import HostCopy
from gan_zoo.training.trainer import Trainer

RING = ["dataset=ring", "dataset.count=200", "batch_size=8", "device=cpu", "log_every=2"]
EVALUATED = [
    *RING,
    "steps=9",
    "evaluate_every=3",
    "evaluation.num_samples=20",
    "checkpoint_every=4",
]


@pytest.fixture
def delayed(monkeypatch):
    """Metrics never arrive at once."""
    monkeypatch.setattr(HostCopy, "immediate", False)


def lines(folder):
    read = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("perf/")} for line in read]


@pytest.fixture(scope="module")
def undelayed(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undelayed")
    trained(folder, *EVALUATED)
    return lines(folder)


def test_delayed_metrics_give_the_same_lines(trained, tmp_path, undelayed, delayed):
    trained(tmp_path, *EVALUATED)
    assert lines(tmp_path) == undelayed


def test_delayed_metrics_survive_a_resume(trained, tmp_path, undelayed, delayed):
    trained(tmp_path, *EVALUATED, "steps=5")
    trained(tmp_path, *EVALUATED)
    assert [line for line in lines(tmp_path) if "loss/critic" in line] == [
        line for line in undelayed if "loss/critic" in line
    ]


def test_delayed_divergence_stops_one_log_later(trained, tmp_path, delayed):
    words = ["steps=400", "optimizer.lr=10", "checkpoint_every=7", "log_every=5", "recipe=paper"]
    summary = trained(tmp_path, *RING, *words)
    diverged = int(summary["health"].removeprefix("diverged at step ").partition(" ")[0])
    assert diverged <= summary["steps"] <= diverged + 5


def test_min_log_interval_averages_more_steps(trained, tmp_path):
    words = [*RING, "steps=9", "evaluate_every=0", "log_every=1"]
    trained(tmp_path / "all", *words)
    trained(tmp_path / "few", *words, "min_log_interval=1000")
    every, few = lines(tmp_path / "all"), lines(tmp_path / "few")
    assert [line["step"] for line in few] == [1, 9]
    losses = [line["loss/critic"] for line in every[1:]]
    assert few[1]["loss/critic"] == pytest.approx(sum(losses) / 8, rel=1e-5)


def test_a_run_with_min_log_interval_resumes(trained, tmp_path):
    words = [*RING, "evaluate_every=0", "min_log_interval=1000", "log_every=2"]
    trained(tmp_path / "whole", *words, "steps=9", "checkpoint_every=5")
    (tmp_path / "parts").mkdir()
    shutil.copytree(tmp_path / "whole" / "checkpoints", tmp_path / "parts" / "checkpoints")
    (tmp_path / "parts" / "checkpoints" / "00000009.pt").unlink()
    kept = (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "parts" / "metrics.jsonl").write_text(kept[0])
    trained(tmp_path / "parts", *words, "steps=9", "checkpoint_every=5")
    resumed = lines(tmp_path / "parts")
    # the interval starts again: a line at step 6, and one for the last three steps
    assert [line["step"] for line in resumed] == [2, 6, 9]
    assert lines(tmp_path / "whole")[0] == resumed[0]


def test_evaluations_do_not_count_as_training_time(trained, tmp_path, monkeypatch):
    """The clock advances by 1 s per step, and by 1000 s per evaluation."""
    seconds = [0.0]
    clock = types.SimpleNamespace(monotonic=lambda: seconds[0])
    monkeypatch.setattr(logger, "time", clock)
    monkeypatch.setattr(meters, "time", clock)
    train_steps, evaluate = Trainer.train_steps, PeriodicEvaluation.evaluate

    def slow_steps(self, count):
        seconds[0] += count
        return train_steps(self, count)

    def slow_evaluation(self):
        seconds[0] += 1000
        return evaluate(self)

    monkeypatch.setattr(Trainer, "train_steps", slow_steps)
    monkeypatch.setattr(PeriodicEvaluation, "evaluate", slow_evaluation)
    summary = trained(tmp_path, *EVALUATED)
    read = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert {line["perf/steps_per_second"] for line in read if "loss/critic" in line} == {1}
    assert summary["seconds"] == 9


@pytest.mark.parametrize(
    ("speed", "unit", "shown"),
    [
        (1234.5, "images", "1234 images/s"),
        (0.04321, "images", "0.043 images/s"),
        (9.96, "samples", "10 samples/s"),
        (0.0, "samples", "0 samples/s"),
    ],
)
def test_speeds_have_units_and_two_digits(speed, unit, shown, caplog):
    caplog.set_level("INFO")
    progress = Progress(1, 0, unit)
    values = {"loss/critic": 1.0, "loss/generator": 1.0, "perf/images_per_second": speed}
    progress.update(1, values, "healthy")
    progress.close()
    assert f"  {shown}  ETA" in caplog.text


def test_points_are_counted_as_samples(trained, tmp_path, caplog):
    caplog.set_level("INFO")
    trained(tmp_path, *RING, "evaluate_every=0", "steps=1")
    assert "samples/s" in caplog.text
    assert "images/s" not in caplog.text
