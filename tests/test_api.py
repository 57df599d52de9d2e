"""gan_zoo from Python: train, load, and what a run can do."""

import shutil
import subprocess
import sys

import pytest

import gan_zoo
from forked_scripts import run_script
from gan_zoo.schema import ConfigError

SMALL = ["dataset=ring", "dataset.count=300", "batch_size=8", "device=cpu", "log_every=2"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api") / "run"
    return gan_zoo.train(*SMALL, "loss=wgan", folder=folder, steps=4, evaluate_every=0)


def test_trained_run_is_an_ordinary_folder(run):
    assert run.summary["steps"] == 4
    assert run.summary["command"].startswith("python train.py ")
    assert "loss=wgan" in run.summary["command"]
    assert gan_zoo.load(run.folder).config["loss"]["_target_"] == "gan_zoo.losses.Wasserstein"


def test_metrics_are_columns_of_equal_length(run):
    columns = run.metrics
    assert columns["step"] == [2, 4]
    assert {len(column) for column in columns.values()} == {2}
    assert all(isinstance(value, float) for value in columns["loss/critic"])


def test_same_seed_gives_same_samples(run):
    assert run.sample(5).shape == (5, 2)
    assert run.sample(5).equal(run.sample(5))
    assert not run.sample(5).equal(run.sample(5, seed=1))


def test_grid_is_an_image(run):
    assert run.grid(64).mode == "RGB"


def test_evaluation_returns_what_it_writes(run):
    assert run.evaluate(num_samples=50)["metric/sliced_wasserstein"] > 0
    assert (run.folder / "evaluation.json").exists()


def test_report_compares_runs(run, tmp_path):
    other = gan_zoo.train(*SMALL, "loss=gan", folder=tmp_path / "b", steps=4, evaluate_every=0)
    page = run.report(other, out=tmp_path / "report")
    assert page.read_text().count("<h2") > 1


def test_command_line_resumes_a_run_of_python(run, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    ended = run_script("train.py", f"resume={folder}", "steps=6", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert gan_zoo.load(folder).summary["steps"] == 6


def test_longer_training_resumes(run, tmp_path):
    words = [*SMALL, "evaluate_every=0"]
    gan_zoo.train(*words, folder=tmp_path / "two", steps=2)
    two = gan_zoo.train(*words, folder=tmp_path / "two", steps=4)
    one = gan_zoo.train(*words, folder=tmp_path / "one", steps=4)
    assert two.sample(5).equal(one.sample(5))
    with pytest.raises(ConfigError, match="batch_size=4: was 8"):
        gan_zoo.train(*words, "batch_size=4", folder=tmp_path / "two", steps=4)


def test_values_of_python_are_settings(tmp_path):
    run = gan_zoo.train(*SMALL, folder=tmp_path, steps=1, conditional=False, evaluate_every=0)
    assert run.config["conditional"] is False
    config = gan_zoo.train(
        *SMALL, folder=tmp_path / "b", steps=1, evaluate_every=0, **{"loss.form": "minimax"}
    ).config
    assert config["loss"]["form"] == "minimax"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loss=nope"], "loss=nope: choose one of"),
        (["steps=-1"], "steps=-1: must be at least 1"),
        (["dataset=ring", "architecture=dcgan"], "square images"),
        (["stesp=3"], "did you mean steps"),
    ],
)
def test_mistakes_raise_config_error(tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        gan_zoo.train(*words, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_folder_without_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="contains no run"):
        gan_zoo.load(tmp_path)


def test_import_is_light():
    code = "import gan_zoo, sys; assert not {'torch', 'hydra'} & set(sys.modules); gan_zoo.train"
    subprocess.run([sys.executable, "-c", code], check=True)
