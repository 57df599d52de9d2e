"""Building a report: by the script, and after a sweep; equal seeds make runs comparable."""

import logging
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gan_zoo.build_trainer import build_trainer, load_samples
from gan_zoo.experiment import load_experiment
from gan_zoo.report.build import report_sweep, write_report
from report_folders import write_sweep

SCRIPT = Path(__file__).parents[2] / "scripts/report.py"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_sweep_is_reported(here, caplog):
    caplog.set_level(logging.INFO)
    folder = write_sweep(here / "sweeps/first", {"gan": [1.0, 2.0]}).relative_to(here)
    report_sweep(folder)
    assert (folder / "report/report.html").is_file()
    assert "report: sweeps/first/report/report.html" in caplog.text


def test_figures_of_an_earlier_report_are_removed(tmp_path):
    root = write_sweep(tmp_path / "runs", {"gan": [1.0, 2.0], "wgan": [2.0, 4.0]})
    folder = write_report([root], tmp_path / "out")[0].parent / "figures"
    kept = ["intervals.txt", "intervals_mine.png", "mine.svg"]
    for name in [*kept, "heat_map.png", "cost_12.svg"]:
        (folder / name).touch()
    write_report([root], tmp_path / "out")
    found = {path.name for path in folder.iterdir()}
    ends = ("png", "svg")
    written = {f"{name}.{end}" for name in ("intervals", "learning", "cost") for end in ends}
    assert found == {*kept, *written}


def test_failing_report_logs_one_line(here, caplog):
    (here / "sweeps/empty").mkdir(parents=True)
    report_sweep((here / "sweeps/empty").relative_to(here))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message.startswith("no report: folder=sweeps/empty: holds no run")
    assert "\n" not in record.message


def test_equal_seeds_share_weights_noise_and_data_order(composed):
    def start(loss, seed):
        experiment = load_experiment(
            composed("dataset=ring", "dataset.count=500", f"loss={loss}", f"seed={seed}",
                     "device=cpu", "batch_size=16")
        )  # fmt: skip
        trainer = build_trainer(experiment, load_samples(experiment))
        weights = [p.detach() for p in trainer.gan.generator.parameters()]
        noise = trainer.noise.of_critic().z
        batches = [trainer.loader.next()[0] for _ in range(3)]
        return [*weights, noise, *batches]

    first = start("gan", 3)
    for loss in ("lsgan", "ls_gan", "glsgan", "hinge"):
        for ours, theirs in zip(first, start(loss, 3), strict=True):
            assert torch.equal(ours, theirs)
    for ours, theirs in zip(first, start("gan", 4), strict=True):
        assert not torch.equal(ours, theirs) or not ours.any()  # biases begin at zero


def test_script_does_not_import_torch(tmp_path):
    root = write_sweep(tmp_path / "runs", {"gan": [9.0, 8.0], "wgan": [7.0, 6.5]})
    probe = (
        "import runpy,sys; sys.argv=sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__');"
        "assert 'torch' not in sys.modules and 'hydra' not in sys.modules"
    )
    words = [str(SCRIPT), str(root), "--baseline", "loss=wgan", "--out", str(tmp_path / "out")]
    arguments = [sys.executable, "-c", probe, *words]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4 runs, 0 excluded: ")
    assert "comparison with loss=wgan" in (tmp_path / "out/report.md").read_text().replace("\\", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "error: folder=nowhere: is not a folder"),
        (["{root}", "--metric", "metric/none"], "is in no finished run"),
        (["{root}", "--baseline", "loss"], "must be KEY=VALUE"),
        (["{root}", "--baseline", "loss=none"], "no configuration has that"),
        (["{root}", "--watch", "0"], "must be a whole number of seconds above 0"),
        (["{root}", "--better", "nicer"], "invalid choice"),
        (["{root}", "--out", "{root}/file"], "cannot be written to"),
    ],
)
def test_usage_errors_are_one_line(tmp_path, monkeypatch, capsys, words, message):
    write_sweep(tmp_path, {"gan": [1.0]})
    (tmp_path / "file").touch()
    arguments = [word.format(root=tmp_path) for word in words]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
