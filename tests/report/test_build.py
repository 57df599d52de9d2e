"""The report at the end of a sweep, and what comparisons by seed rest on."""

import logging

import pytest
import torch

from gan_zoo.experiment import load_experiment
from gan_zoo.report.build import report_sweep
from gan_zoo.run import build_trainer, load_samples
from report_folders import write_sweep


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sweep_is_reported(here, caplog):
    caplog.set_level(logging.INFO)
    folder = write_sweep(here / "sweeps/first", {"gan": [1.0, 2.0]}).relative_to(here)
    report_sweep(folder)
    assert (folder / "report/report.html").is_file()
    assert "report: sweeps/first/report/report.html" in caplog.text


def test_a_failing_report_says_so_in_one_line_and_raises_nothing(here, caplog):
    (here / "sweeps/empty").mkdir(parents=True)
    report_sweep((here / "sweeps/empty").relative_to(here))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "holds no run" in record.message
    assert "\n" not in record.message


def test_equal_seeds_share_weights_noise_and_data_order_across_losses(composed):
    def start(loss, seed):
        experiment = load_experiment(
            composed("dataset=ring", "dataset.count=500", f"loss={loss}", f"seed={seed}",
                     "device=cpu", "batch_size=16")
        )  # fmt: skip
        trainer = build_trainer(experiment, load_samples(experiment))
        weights = [p.detach() for p in trainer.gan.generator.parameters()]
        noise = trainer.gan.generator.sample_z(8, trainer.latent_rng)
        batches = [trainer.loader.next()[0] for _ in range(3)]
        return [*weights, noise, *batches]

    first = start("gan", 3)
    for loss in ("lsgan", "ls_gan", "glsgan", "hinge"):
        for ours, theirs in zip(first, start(loss, 3), strict=True):
            assert torch.equal(ours, theirs)
    for ours, theirs in zip(first, start("gan", 4), strict=True):
        assert not torch.equal(ours, theirs) or not ours.any()  # biases begin at zero
