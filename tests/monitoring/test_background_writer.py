"""Writing errors never stop training: one warning, and lines are written later."""

import errno
import json
import logging
import threading

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_zoo.architectures import mlp
from gan_zoo.architectures.networks import generate
from gan_zoo.data.glyphs import Glyphs
from gan_zoo.monitoring import background, logger, sample_grid
from gan_zoo.monitoring.background import AppendFile, BackgroundWriter
from gan_zoo.monitoring.sample_grid import SampleGrid

SMALL = ["dataset=ring", "dataset.count=200", "batch_size=8", "device=cpu", "log_every=2"]


class Disk:
    """Replaces the files of AppendFile; full after `room` bytes, if that is not None."""

    room: int | None = None

    def __init__(self, path, mode):
        self.file = path.open(f"{mode}b", buffering=0)

    def write(self, piece):
        if Disk.room is None:
            return self.file.write(piece)
        if Disk.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self.file.write(piece[: Disk.room])
        Disk.room -= written
        return written

    def fileno(self):
        return self.file.fileno()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


@pytest.fixture
def disk(monkeypatch):
    monkeypatch.setattr(background, "FileIO", Disk)
    yield Disk
    Disk.room = None


def losses(folder):
    read = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(line["step"], line["loss/critic"]) for line in read]


def test_unwritten_pieces_are_written_later_in_order(tmp_path, disk):
    file = AppendFile(tmp_path / "lines")
    file.write(b"first\n")
    disk.room = 3
    for piece in (b"second\n", b"third\n"):
        with pytest.raises(OSError, match="No space"):
            file.write(piece)
    assert (tmp_path / "lines").read_bytes() == b"first\nsec"
    disk.room = None
    file.write(b"fourth\n")
    file.close()
    assert (tmp_path / "lines").read_bytes() == b"first\nsecond\nthird\nfourth\n"


def test_tasks_run_in_order_and_failures_are_logged_once(caplog):
    writer, done = BackgroundWriter(), []

    def fail():
        raise OSError(errno.ENOSPC, "No space left on device")

    for i in range(300):
        writer.submit({"curves": fail})
        writer.submit({"lines": lambda i=i: done.append((i, threading.current_thread()))})
    writer.flush()
    assert [i for i, _ in done] == list(range(300))
    assert threading.current_thread() not in {thread for _, thread in done}
    assert [record.message for record in caplog.records] == [
        "cannot write curves: [Errno 28] No space left on device; continuing training"
    ]
    writer.close()


def test_a_temporarily_full_disk_loses_no_line(trained, tmp_path, disk, monkeypatch, caplog):
    trained(tmp_path / "normal", *SMALL, "steps=12")
    log_normally = logger.RunLogger.log_metrics

    def log_metrics(self, pending, values):
        self._writer.flush()
        disk.room = 100 if pending.step == 4 else None if pending.step == 10 else disk.room
        log_normally(self, pending, values)

    monkeypatch.setattr(logger.RunLogger, "log_metrics", log_metrics)
    with caplog.at_level(logging.WARNING):
        trained(tmp_path / "full", *SMALL, "steps=12")
    assert losses(tmp_path / "full") == losses(tmp_path / "normal")
    assert [event.step for event in curve(tmp_path / "full")] == [2, 4, 6, 8, 10, 12]
    warnings = [r.message for r in caplog.records if "continuing training" in r.message]
    assert len(warnings) == len(set(warnings)) == 2
    assert all("No space left on device" in line for line in warnings)


def curve(folder):
    return EventAccumulator(str(folder)).Reload().Scalars("loss/critic")


def test_training_survives_unwritable_curves_and_images(trained, tmp_path, monkeypatch, caplog):
    trained(tmp_path / "normal", *SMALL, "steps=6")

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("gan_zoo.monitoring.tensorboard.AppendFile", refuse)
    monkeypatch.setattr(logger, "encode_png", refuse)
    with caplog.at_level(logging.WARNING):
        summary = trained(tmp_path / "failing", *SMALL, "steps=6")
    assert summary["steps"] == 6
    assert losses(tmp_path / "failing") == losses(tmp_path / "normal")
    warnings = [r.message for r in caplog.records if "continuing training" in r.message]
    assert len(warnings) == 2
    assert "cannot write pictures: [Errno 13] Permission denied; continuing training" in warnings


def test_checkpoints_are_written_after_their_lines(trained, tmp_path, monkeypatch):
    saved = []

    def save(path, content):
        last = losses(tmp_path)[-1][0] if (tmp_path / "metrics.jsonl").stat().st_size else 0
        saved.append((content["step"], last))
        return ""

    monkeypatch.setattr("gan_zoo.checkpoints.save", save)
    trained(tmp_path, *SMALL, "steps=9", "checkpoint_every=3")
    assert saved == [(3, 2), (6, 6), (9, 9)]


def test_images_are_encoded_in_the_background(trained, tmp_path, monkeypatch):
    threads, encode = set(), sample_grid.encode_png

    def record_thread(picture):
        threads.add(threading.current_thread())
        return encode(picture)

    monkeypatch.setattr(logger, "encode_png", record_thread)
    trained(tmp_path, *SMALL, "steps=2")
    assert len(threads) == 1
    assert threading.main_thread() not in threads


def test_a_grid_shows_the_weights_of_its_step():
    dataset = Glyphs()
    generator = mlp.generator(z_dim=4, hidden=(8,), shape=(1, 28, 28), num_classes=1)
    sample_grid = SampleGrid(dataset, generator, torch.Generator().manual_seed(0))
    immediate = dataset.render(
        generate(generator, sample_grid.z, sample_grid.y), sample_grid.columns
    )
    draw = sample_grid.fake()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.normal_()
    assert (draw().pixels == immediate).all()
    assert (sample_grid.fake()().pixels != immediate).any()


def test_encoded_images_are_png():
    pixels = np.random.default_rng(0).integers(0, 255, (12, 20, 3), dtype=np.uint8)
    encoded = sample_grid.encode_png(sample_grid.Picture(pixels))
    assert (encoded.height, encoded.width) == (12, 20)
    assert encoded.content.startswith(b"\x89PNG")
