"""The report at the end of a sweep, and what comparisons by seed rest on."""

import logging
from pathlib import Path

import pytest
import torch
from report_folders import write_sweep

from gan_zoo.experiment import read
from gan_zoo.report.after_sweep import link_latest, report_sweep
from gan_zoo.run import compose, load_samples


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sweep_is_reported_and_linked(here, caplog):
    caplog.set_level(logging.INFO)
    for name in ("first", "second"):
        folder = write_sweep(here / "sweeps" / name, {"gan": [1.0, 2.0]}).relative_to(here)
        report_sweep(folder)
        assert (here / "sweeps/LATEST/report/report.html").samefile(folder / "report/report.html")
    assert "report: sweeps/second/report/report.html" in caplog.text


def test_a_failing_report_says_so_in_one_line_and_raises_nothing(here, caplog):
    (here / "sweeps/empty").mkdir(parents=True)
    report_sweep((here / "sweeps/empty").relative_to(here))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "holds no run" in record.message
    assert "\n" not in record.message


def test_a_sweep_gone_on_with_through_the_link_keeps_it(here):
    write_sweep(here / "sweeps/a", {"gan": [1.0, 2.0]})
    link_latest(Path("sweeps/a"))
    link_latest(Path("sweeps/LATEST"))
    assert (here / "sweeps/LATEST").readlink() == Path("a")


def test_no_link_replaces_what_is_not_one(here):
    (here / "sweeps/LATEST").mkdir(parents=True)
    report_sweep(write_sweep(here / "sweeps/a", {"gan": [1.0]}).relative_to(here))
    assert not (here / "sweeps/LATEST").is_symlink()
    assert list((here / "sweeps/LATEST").iterdir()) == []


def test_equal_seeds_share_weights_noise_and_data_order_across_losses(composed):
    def start(loss, seed):
        experiment = read(
            composed("dataset=ring", "dataset.count=500", f"loss={loss}", f"seed={seed}",
                     "device=cpu", "batch_size=16")
        )  # fmt: skip
        training = compose(experiment, load_samples(experiment))
        weights = [p.detach() for p in training.game.generator.parameters()]
        noise = training.game.generator.sample_z(8, training.noise)
        batches = [training.feed.next()[0] for _ in range(3)]
        return [*weights, noise, *batches]

    first = start("gan", 3)
    for loss in ("lsgan", "ls_gan", "glsgan", "hinge"):
        for ours, theirs in zip(first, start(loss, 3), strict=True):
            assert torch.equal(ours, theirs)
    for ours, theirs in zip(first, start("gan", 4), strict=True):
        assert not torch.equal(ours, theirs) or not ours.any()  # biases begin at zero
