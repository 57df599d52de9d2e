"""Readings of a device that works at a pace of its own: looked at later, the same for all that."""

import json
import shutil
import types

import pytest

from gan_zoo.evaluation.periodic import PeriodicEvaluation
from gan_zoo.monitoring import async_scalars, logger
from gan_zoo.monitoring.async_scalars import HostCopy
from gan_zoo.monitoring.progress import Progress
from gan_zoo.training.trainer import Trainer

RING = ["dataset=ring", "dataset.count=200", "batch_size=8", "device=cpu", "log_every=2"]
JUDGED = [*RING, "steps=9", "evaluate_every=3", "evaluation.num_samples=20", "checkpoint_every=4"]


@pytest.fixture
def later(monkeypatch):
    """No reading is there when it is asked for."""
    monkeypatch.setattr(HostCopy, "immediate", False)


def lines(folder):
    read = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("perf/")} for line in read]


@pytest.fixture(scope="module")
def at_once(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("at_once")
    trained(folder, *JUDGED)
    return lines(folder)


def test_lines_are_the_same_and_in_the_same_order(trained, tmp_path, at_once, later):
    trained(tmp_path, *JUDGED)
    assert lines(tmp_path) == at_once


def test_a_run_in_two_parts_has_the_same_lines(trained, tmp_path, at_once, later):
    trained(tmp_path, *JUDGED, "steps=5")
    trained(tmp_path, *JUDGED)
    assert [line for line in lines(tmp_path) if "loss/critic" in line] == [
        line for line in at_once if "loss/critic" in line
    ]


def test_a_run_that_diverges_stops_one_reading_later(trained, tmp_path, later):
    words = ["steps=400", "optimizer.lr=10", "checkpoint_every=7", "log_every=5"]
    summary = trained(tmp_path, *RING, *words)
    told = int(summary["health"].removeprefix("diverged at step ").partition(" ")[0])
    assert told <= summary["steps"] <= told + 5


def test_lines_may_keep_a_time_apart_and_are_then_of_more_steps(trained, tmp_path):
    words = [*RING, "steps=9", "evaluate_every=0", "log_every=1"]
    trained(tmp_path / "all", *words)
    trained(tmp_path / "few", *words, "min_log_interval=1000")
    every, few = lines(tmp_path / "all"), lines(tmp_path / "few")
    assert [line["step"] for line in few] == [1, 9]
    losses = [line["loss/critic"] for line in every[1:]]
    assert few[1]["loss/critic"] == pytest.approx(sum(losses) / 8, rel=1e-5)


def test_a_run_that_keeps_a_time_between_lines_is_continued_as_any_other(trained, tmp_path):
    words = [*RING, "evaluate_every=0", "min_log_interval=1000", "log_every=2"]
    trained(tmp_path / "whole", *words, "steps=9", "checkpoint_every=5")
    (tmp_path / "parts").mkdir()
    shutil.copytree(tmp_path / "whole" / "checkpoints", tmp_path / "parts" / "checkpoints")
    (tmp_path / "parts" / "checkpoints" / "00000009.pt").unlink()
    kept = (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "parts" / "metrics.jsonl").write_text(kept[0])
    trained(tmp_path / "parts", *words, "steps=9", "checkpoint_every=5")
    told = lines(tmp_path / "parts")
    # the clock begins anew: a line at step 6, and one of the three steps that remain
    assert [line["step"] for line in told] == [2, 6, 9]
    assert lines(tmp_path / "whole")[0] == told[0]


def test_examinations_count_neither_for_the_speed_nor_for_the_time_of_training(
    trained, tmp_path, monkeypatch
):
    """By a clock that goes on by a second with every step, and by a thousand while one examines."""
    passed = [0.0]
    clock = types.SimpleNamespace(monotonic=lambda: passed[0])
    monkeypatch.setattr(logger, "time", clock)
    monkeypatch.setattr(async_scalars, "time", clock)
    advance, examine = Trainer.train_steps, PeriodicEvaluation.evaluate

    def slowly(self, count):
        passed[0] += count
        return advance(self, count)

    def very_slowly(self):
        passed[0] += 1000
        return examine(self)

    monkeypatch.setattr(Trainer, "train_steps", slowly)
    monkeypatch.setattr(PeriodicEvaluation, "evaluate", very_slowly)
    summary = trained(tmp_path, *JUDGED)
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
def test_speeds_are_of_images_or_samples_and_never_rounded_to_zero(speed, unit, shown, caplog):
    caplog.set_level("INFO")
    progress = Progress(1, 0, unit)
    told = {"loss/critic": 1.0, "loss/generator": 1.0, "perf/images_per_second": speed}
    progress.update(1, told, "healthy")
    progress.close()
    assert f"  {shown}  ETA" in caplog.text


def test_points_are_not_called_images(trained, tmp_path, caplog):
    caplog.set_level("INFO")
    trained(tmp_path, *RING, "evaluate_every=0", "steps=1")
    assert "samples/s" in caplog.text
    assert "images/s" not in caplog.text
