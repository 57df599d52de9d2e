"""Full disks, unexpected errors, and damaged or hostile files."""

import copy
import errno
import logging
import os
import sys
import types
import zipfile
from pathlib import Path

import pytest
import torch
import yaml

from forked_scripts import run_script
from gan_zoo import checkpoints
from gan_zoo import experiment as experiments
from gan_zoo.evaluation.arguments import parse
from gan_zoo.evaluation.offline import OfflineEvaluator
from gan_zoo.launch import job, main, sweep_job
from gan_zoo.run import train
from gan_zoo.sampling import load_sampler
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import Stopped

ROOT = Path(__file__).parents[1]
SMALL = ["dataset=ring", "dataset.count=300", "batch_size=8", "log_every=3", "device=cpu"]
SMALL += ["sample_every=100", "evaluate_every=0"]


def last_line(called):
    lines = called.stderr.strip().splitlines()
    assert "Traceback" not in called.stderr
    return lines[-1]


@pytest.fixture
def disk_full(monkeypatch):
    """A list; while it is not empty, the disk is full for checkpoints."""
    save, full = torch.save, []

    def limited(content, file):
        file.write(b"as much as there was room for")
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file.seek(0)
        save(content, file)

    monkeypatch.setattr(torch, "save", limited)
    return full


def test_training_continues_when_a_checkpoint_cannot_be_written(
    trained, tmp_path, disk_full, caplog
):
    words = [*SMALL, "checkpoint_every=2"]
    trained(tmp_path, *words, "steps=4")
    valid = checkpoints.latest_path(tmp_path).read_bytes()
    disk_full.append(True)
    with caplog.at_level(logging.WARNING), pytest.raises(Stopped, match="No space left on device"):
        trained(tmp_path, *words, "steps=9")
    assert caplog.text.count("could not be written: No space left on device; going on") == 3
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["00000002.pt", "00000004.pt"]
    assert checkpoints.latest_path(tmp_path).read_bytes() == valid
    disk_full.clear()
    assert trained(tmp_path, *words, "steps=9")["steps"] == 9


def test_a_temporarily_full_disk_does_no_harm(trained, tmp_path, disk_full, monkeypatch):
    try_save = checkpoints.try_save

    def temporarily_full(path, content):
        disk_full[:] = [True] * (2 < content["step"] < 8)
        return try_save(path, content)

    monkeypatch.setattr(checkpoints, "try_save", temporarily_full)
    assert trained(tmp_path, *SMALL, "checkpoint_every=2", "steps=9")["steps"] == 9
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["00000008.pt", "00000009.pt"]


def test_a_run_that_cannot_be_saved_ends_in_one_line(tmp_path):
    words = [*SMALL, "steps=3", "hydra.run.dir=run"]
    called = run_script("train.py", *words, cwd=tmp_path, largest_file=200_000)
    assert called.returncode == 3
    message = f"error: step 3 could not be saved in {tmp_path}/run/checkpoints: File too large; "
    assert last_line(called).startswith(f"{message}python {ROOT}/train.py")
    assert not list((tmp_path / "run" / "checkpoints").iterdir())
    again = run_script("train.py", "resume=run", cwd=tmp_path)
    assert again.returncode == 0, again.stderr


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    called = run_script("train.py", *SMALL, "steps=2", "hydra.run.dir=file/run", cwd=tmp_path)
    assert called.returncode == 3
    assert last_line(called) == "error: file/run: Not a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path):
    (tmp_path / "outputs").mkdir(mode=0o555)
    called = run_script("train.py", *SMALL, "steps=2", cwd=tmp_path)
    assert called.returncode == 3
    assert last_line(called) == "error: outputs/runs: Permission denied"


@pytest.fixture(scope="module")
def content(trained, tmp_path_factory):
    """Content of a valid checkpoint."""
    folder = tmp_path_factory.mktemp("valid")
    trained(folder, *SMALL, "steps=1")
    return checkpoints.load(checkpoints.latest_path(folder))


def recursive():
    node = []
    node.append(node)
    return node


def exponential():
    node = [0]
    for _ in range(25):
        node = [node, node]
    return node


@pytest.mark.parametrize(
    "hostile",
    [
        {"generator": torch.zeros(1).expand(1 << 45)},
        {"generator": torch.zeros(3, device="meta")},
        {"generator": recursive()},
        {"generator": exponential()},
        {"step": 10**400},
        {"step": -1},
        {"step": "1"},
        {"shape": [1 << 60]},
        {"shape": None},
        {"num_classes": 1.5},
        {"config": [1]},
        {"health": None},
        {"loader_position": None},
    ],
    ids=lambda hostile: next(iter(hostile)),
)
def test_hostile_checkpoints_are_refused_by_name(tmp_path, content, hostile):
    torch.save({"format": checkpoints.FORMAT, **content, **hostile}, tmp_path / "1.pt")
    with pytest.raises(ConfigError, match=r"1\.pt"):
        checkpoints.load(tmp_path / "1.pt")


def test_a_zip_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10_000_000))
    with pytest.raises(ConfigError, match=r"bomb\.pt: is damaged"):
        checkpoints.load(tmp_path / "bomb.pt")


def test_a_checkpoint_of_another_network_is_refused(trained, tmp_path, content):
    trained(tmp_path, *SMALL, "steps=1")
    wrong_condition = {"step": "x", "count": 0, "logged": False}
    health = {**content["health"], "before_end": {"collapse": wrong_condition}}
    wrong = {"critic": content["generator"], "latent_rng": [1], "metrics": 3, "health": health}
    for name, state in wrong.items():
        checkpoints.save(checkpoints.latest_path(tmp_path), {**content, name: state})
        with pytest.raises(ConfigError, match="the state of step 1 does not fit the settings"):
            trained(tmp_path, *SMALL, "steps=2")


def test_targets_in_checkpoints_are_never_imported(tmp_path, content):
    hostile = copy.deepcopy(content)
    hostile["config"]["architecture"]["generator"]["_target_"] = "antigravity.open"
    checkpoints.save(tmp_path / "1.pt", hostile)
    for read in (load_sampler, OfflineEvaluator(parse([str(tmp_path / "1.pt")])).evaluate):
        with pytest.raises(ConfigError, match="_target_=antigravity.open: must begin with gan_zoo"):
            read(tmp_path / "1.pt")
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("hostile", "message"),
    [
        (
            {"loss": {"_target_": "os.system"}},
            "loss._target_=os.system: must begin with gan_zoo.",
        ),
        (
            {"hydra": {"job_logging": {"handlers": {"x": {"()": "os.abort"}}}}},
            "has a setting that no run can have: hydra",
        ),
        ({"extra": 1}, "has a setting that no run can have: extra"),
        ("- 1", "holds no configuration"),
        ("{", "cannot be read as a configuration"),
        ("!!python/object/apply:os.abort []", "cannot be read as a configuration"),
    ],
)
def test_a_saved_configuration_is_not_trusted(tmp_path, hostile, message):
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    written = hostile if isinstance(hostile, str) else yaml.dump(hostile)
    (tmp_path / "run" / ".hydra" / "config.yaml").write_text(written)
    called = run_script("train.py", "resume=run", cwd=tmp_path)
    assert called.returncode == 2
    assert message in last_line(called)
    assert called.stderr.count("\n") == 1


def test_an_unexpected_error_saves_the_run(tmp_path, composed, capsys):
    words = [*SMALL, "steps=9", "checkpoint_every=100"]
    experiment, folder = experiments.load_experiment(composed(*words)), tmp_path / "run"
    real, calls = experiment.loss.__class__.generator, []

    def broken(self, *scored):
        calls.append(1)
        if len(calls) == 5:
            raise RuntimeError("out of something")
        return real(self, *scored)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment.loss.__class__, "generator", broken)
        patch.setattr(job, "save_config", lambda *_: None)
        with pytest.raises(SystemExit) as ended:
            main._train_alone(experiment, None, folder)
    assert ended.value.code == 3
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("error: RuntimeError: out of something; details in ")
    assert line.endswith(f"python train.py resume={folder} continues from step 4")
    assert "in broken" in (folder / "error.txt").read_text()
    assert checkpoints.latest_path(folder).name == "00000004.pt"
    assert train(experiment, folder)["steps"] == 9


def test_a_diverged_run_exits_with_3(tmp_path, composed, capsys, monkeypatch):
    monkeypatch.setattr(job, "save_config", lambda *_: None)
    experiment = experiments.load_experiment(composed(*SMALL, "steps=400", "optimizer.lr=10"))
    for _ in range(2):  # the second one does not train
        with pytest.raises(SystemExit) as ended:
            main._train_alone(experiment, None, tmp_path)
        assert ended.value.code == 3
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.startswith("error: diverged at step ")
        assert line.endswith(f": {tmp_path}")
    sweep_job.SweepJob(experiment, None, tmp_path, None).train()  # a result, not a failure
    assert not (tmp_path / "failure.txt").exists()


def test_a_job_on_a_full_disk_shows_why(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a file")

    shown = []
    progress = types.SimpleNamespace(show_end=lambda _, result, __: shown.append(result))
    monkeypatch.setattr(sweep_job, "write_failure", full)
    sweep_job.SweepJob(None, None, tmp_path, progress).train()
    assert shown == ["failed: a file: No space left on device"]


def test_a_refused_run_deletes_nothing(tmp_path, composed, monkeypatch):
    (tmp_path / "mine.txt").write_text("precious")
    monkeypatch.setattr(job, "save_config", lambda *_: None)
    experiment = experiments.load_experiment(composed(*SMALL, "batch_size=301", "steps=2"))
    with pytest.raises(SystemExit):
        main._train_alone(experiment, None, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
