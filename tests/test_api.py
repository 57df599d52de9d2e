"""gan_zoo from Python: train, load, and what a run can do."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import gan_zoo
from forked_scripts import run_script
from gan_zoo import launch
from gan_zoo.api import _text
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


def test_settings_can_be_read_in_a_process_that_trains_nothing(run):
    own = run.folder / ".hydra" / "config.yaml"
    older = own.read_text().replace(run.config["sweep"], "${now:%Y-%m-%d}")
    code = f"import gan_zoo; print(gan_zoo.load({str(run.folder)!r}).config['sweep'])"
    for text in (own.read_text(), older):
        own.write_text(text)
        called = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert called.returncode == 0, called.stderr
        assert called.stdout[:2] == "20"


def test_metrics_are_columns_of_equal_length(run):
    columns = run.metrics
    assert columns["step"] == [2, 4]
    assert {len(column) for column in columns.values()} == {2}
    assert all(isinstance(value, float) for value in columns["loss/critic"])


def test_same_seed_gives_same_samples(run):
    assert run.sample(5).shape == (5, 2)
    assert run.sample(5).equal(run.sample(5))
    assert not run.sample(5).equal(run.sample(5, seed=1))


def test_run_is_found_from_another_working_directory(run, tmp_path, monkeypatch):
    monkeypatch.chdir(run.folder.parent)
    here = gan_zoo.load(run.folder.name)
    relative = gan_zoo.train(*SMALL, "loss=wgan", folder=run.folder.name, steps=4, evaluate_every=0)
    monkeypatch.chdir(tmp_path)
    assert here == relative == run
    assert here.summary["steps"] == 4
    assert here.metrics["step"] == [2, 4]


def test_grid_is_an_image(run):
    assert run.grid(64).mode == "RGB"


def test_evaluation_returns_what_it_writes(run):
    assert run.evaluate(num_samples=50)["metric/sliced_wasserstein"] > 0
    assert "metric/modes" in run.evaluate(num_samples=50, metrics=["modes"])
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


def test_threads_train_one_after_the_other(tmp_path):
    """They share Hydra's state, and the generator that initial weights come from."""

    def weights(folder, seed):
        run = gan_zoo.train(*SMALL, folder=folder, steps=1, evaluate_every=0, seed=seed)
        return torch.cat([each.flatten() for each in run.sampler.generator.parameters()])

    alone = [weights(tmp_path / f"alone{seed}", seed) for seed in range(3)]
    torch.set_default_dtype(torch.float64)
    try:
        with ThreadPoolExecutor(3) as pool:
            places = [tmp_path / f"thread{seed}" for seed in range(3)]
            together = [*pool.map(weights, places, range(3))]
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(one.equal(other) for one, other in zip(alone, together, strict=True))
    assert [gan_zoo.load(place).config["seed"] for place in places] == [0, 1, 2]


def test_mistake_found_in_the_data_leaves_no_folder(tmp_path):
    np.savez(tmp_path / "one.npz", x=np.zeros((40, 1, 8, 8), np.uint8), y=np.zeros(40, int))
    words = ["dataset=npz", f"dataset.root={tmp_path / 'one.npz'}", "device=cpu", "batch_size=4"]
    with pytest.raises(ConfigError, match="conditional"):
        gan_zoo.train(*words, folder=tmp_path / "run", conditional=True, evaluate_every=0)
    assert not (tmp_path / "run").exists()


def test_values_of_python_are_settings(tmp_path):
    run = gan_zoo.train(*SMALL, folder=tmp_path / "a", steps=1, conditional=False, evaluate_every=0)
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
        (["study=tour"], "study=tour: is for many runs; in a terminal: python train.py"),
        (["sweep=a"], "sweep=a: is for many runs"),
        (["seed=0,1", "steps=2"], r"a sweep; in a terminal: python .*train.py -m seed=0,1 steps=2"),
        (["-m", "seed=0,1"], "-m: is for sweeps; in a terminal: python .*train.py -m seed=0,1"),
        (["resume=nowhere"], "resume=nowhere: must be the folder of a run"),
        (["optimizer.betas.x=0.5"], r"optimizer.betas is a list: type 'optimizer.betas=\[A,B\]'"),
        (["optimizer.betas.2=0.5"], "optimizer.betas is a list"),
        (["optimizer.betas.0=0.5", "resume=nowhere"], "resume=nowhere: must be the folder"),
        (["evaluation=[1]"], r"evaluation=\[1\]: must hold named settings: type evaluation.NAME="),
        (["evaluation=false"], "evaluation=False: must hold settings"),
        (
            ["dataset=npz", "dataset.root=${hydra:job.name}.npz"],
            "dataset.root=train.npz: does not exist",
        ),
        (
            ["steps=${x}"],
            r"steps: refers to a setting that does not exist: \$\{x\}",
        ),
        (["regularizer=combined", "regularizer.parts=r1"], "must hold named regularizers"),
        (
            ["regularizer=combined", "regularizer.parts.a=r1"],
            r"regularizer.parts is empty: type \+regularizer@regularizer.parts.a=CHOICE",
        ),
    ],
)
def test_mistakes_raise_config_error(tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        gan_zoo.train(*words, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_words_in_a_list_are_refused():
    with pytest.raises(ConfigError, match=r"must be words: train\(\*words\), not train\(words\)"):
        gan_zoo.train(["dataset=ring"])


def test_report_accepts_folders(run, tmp_path):
    other = shutil.copytree(run.folder, tmp_path / "other")
    assert run.report(str(other), out=tmp_path / "report").is_file()
    sweep = shutil.copytree(run.folder, tmp_path / "sweeps/mine/seed=0").parent
    (sweep.parent / "LATEST").write_text("mine\n")
    assert run.report(sweep.parent / "LATEST", out=tmp_path / "latest").is_file()


def test_runs_are_paths(run, tmp_path):
    copy = gan_zoo.load(shutil.copytree(run.folder, tmp_path / "copy"))
    assert gan_zoo.load(copy) == copy
    assert run.report(copy, out=tmp_path / "report").is_file()
    assert gan_zoo.train(resume=copy, steps=5).folder == copy.folder
    assert gan_zoo.train(*SMALL, "loss=wgan", folder=copy, steps=5, evaluate_every=0) == copy
    for call in (
        lambda: run.report([copy, run]),
        lambda: gan_zoo.load([copy]),
        lambda: gan_zoo.load(None),
        lambda: gan_zoo.train(*SMALL, folder=[copy]),
    ):
        with pytest.raises(ConfigError, match=r"must be a path or a run, as in \w+\(.*, not "):
            call()


def test_a_named_run_is_resumed_in_its_folder(run, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "a [b] ü=c,d")
    first = gan_zoo.load(folder)
    assert (first.sampler.step, first.summary["steps"]) == (4, 4)
    resumed = gan_zoo.train(f"resume={folder}", steps=6)
    assert resumed.folder == folder
    assert resumed.config["loss"]["_target_"] == "gan_zoo.losses.Wasserstein"
    assert (first.sampler.step, first.summary["steps"]) == (6, 6)
    with pytest.raises(ConfigError, match="omit one of them"):
        gan_zoo.train(f"resume={folder}", folder=tmp_path / "other", steps=8)
    with pytest.raises(ConfigError, match="steps=5: the run is at step 6 already"):
        gan_zoo.train(f"resume={folder}/checkpoints/00000006.pt", steps=5)


def test_folders_where_reports_would_not_find_a_run_are_refused(run):
    for folder, message in (
        ("", "must be the path of a folder"),
        (run.folder / "inside", "lies inside a run's folder"),
        (run.folder.parent, "holds folders of runs"),
    ):
        with pytest.raises(ConfigError, match=f"folder=.*{message}"):
            gan_zoo.train(*SMALL, folder=folder, steps=1)


def test_paths_are_settings_as_typed(tmp_path):
    with pytest.raises(ConfigError, match=r"dataset.root=.*a \[b\] ü=c,d"):
        gan_zoo.train(f"dataset.root={tmp_path}/a [b] ü=c,d", dataset="image_folder")


@pytest.mark.parametrize("name", ["a,b/y.ttf", "it's [1]/y.ttf", "back\\\\'slash.ttf\\", "~{x: 1}"])
def test_items_of_a_list_are_settings_as_typed(name):
    words = launch.prepare_overrides([f"dataset.fonts={_text([name, 'b.ttf'])}"])
    config, _ = launch.compose_run(["dataset=chinese_glyphs", *words])
    assert list(config.dataset.fonts) == [name, "b.ttf"]


def test_classes_are_any_iterable(tmp_path):
    words = [
        "dataset=glyphs",
        "dataset.count=100",
        "conditional=true",
        "batch_size=8",
        "device=cpu",
    ]
    run = gan_zoo.train(*words, folder=tmp_path, steps=1, evaluate_every=0)
    for label in (range(2), np.arange(2), np.array(["0", "1"])):
        assert run.sample(4, label).equal(run.sample(4, [0, 1]))
    assert run.sample(4, np.int64(3)).equal(run.sample(4, "3"))


def test_mappings_and_arrays_are_settings(tmp_path):
    given = {"lr": torch.tensor(0.25), "betas": np.array([0.5, 0.75])}
    run = gan_zoo.train(
        *SMALL, folder=tmp_path, steps=1, evaluate_every=0, optimizer=given, evaluation={"seed": 3}
    )
    found = run.config["optimizer"]["critic"]
    assert (found["lr"], found["betas"]) == (0.25, [0.5, 0.75])
    assert run.config["evaluation"]["seed"] == 3
    with pytest.raises(ConfigError, match="evaluation.sede"):
        gan_zoo.train(*SMALL, folder=tmp_path / "b", evaluation={"sede": 3})


def test_numbers_of_numpy_are_numbers(run, tmp_path):
    two = gan_zoo.train(
        *SMALL, folder=tmp_path / "run", steps=np.int64(1), seed=np.int64(2), evaluate_every=0
    )
    assert two.config["seed"] == 2
    assert run.sample(np.int64(3), seed=np.int64(5)).equal(run.sample(3, seed=5))


@pytest.mark.parametrize("number", [0, -1, "3", 2.0])
def test_wrong_number_of_samples_is_refused(run, number):
    with pytest.raises(ConfigError, match="^seed="):
        run.sample(2, seed=2**64)
    with pytest.raises(ConfigError, match="^n="):
        run.sample(number)
    with pytest.raises(ConfigError, match="^n="):
        run.grid(number)


def test_metrics_of_a_run_that_has_only_begun_are_empty(run, tmp_path):
    shutil.copytree(run.folder / ".hydra", tmp_path / ".hydra")
    assert gan_zoo.load(tmp_path).metrics == {"step": []}


def test_folder_without_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="contains no run"):
        gan_zoo.load(tmp_path)
    run = tmp_path / "run"
    (run / ".hydra").mkdir(parents=True)
    (run / ".hydra" / "config.yaml").touch()
    with pytest.raises(ConfigError, match=f"contains no run; name the run's folder, {run}$"):
        gan_zoo.load(run / "checkpoints")
    (tmp_path / "multirun.yaml").touch()
    with pytest.raises(ConfigError, match="is a sweep: choose one of its runs"):
        gan_zoo.load(tmp_path)


def test_paths_at_home_and_named_like_settings(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(run.folder, tmp_path / "seed=0")
    monkeypatch.chdir(tmp_path)
    assert gan_zoo.load("~/seed=0").folder == tmp_path / "seed=0"
    assert gan_zoo.load("seed=0").evaluate(num_samples=50)
    assert run.report("~/seed=0", out="~/report").parent == tmp_path / "report"
    longer = gan_zoo.train(*SMALL, "loss=wgan", folder="~/seed=0", steps=5, evaluate_every=0)
    assert longer.folder == tmp_path / "seed=0"


@pytest.fixture
def unusual_torch():
    """What notebooks set at their beginning, undone after the test."""
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_float32_matmul_precision("high")
    torch.set_grad_enabled(False)
    yield
    torch.set_grad_enabled(True)
    torch.set_float32_matmul_precision("highest")
    torch.set_default_device(None)
    torch.set_default_dtype(torch.float32)


def torch_settings():
    return (
        *(torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()),
        *(torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32),
        torch.get_rng_state().numpy().tobytes(),
    )


def measured(run):
    values = run.evaluate(num_samples=50)
    return run.metrics["loss/critic"], run.sample(5).tolist(), values["metric/sliced_wasserstein"]


def test_runs_do_not_depend_on_torch_settings_of_the_program(run, tmp_path, unusual_torch):
    before = torch_settings()
    words = [*SMALL, "loss=wgan", "evaluate_every=0"]
    other, found = gan_zoo.train(*words, folder=tmp_path / "run", steps=4), measured(run)
    assert measured(other) == found
    assert torch_settings() == before


@pytest.mark.parametrize("part", ["", ".cuda.matmul", ".cudnn.conv"])
def test_newer_names_of_precision_are_restored(run, part):
    code = f"""
import gan_zoo, torch
torch.backends{part}.fp32_precision = "tf32"
run = gan_zoo.load({str(run.folder)!r})
run.evaluate(num_samples=50)
print(torch.backends{part}.fp32_precision)
"""
    called = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert called.stdout == "tf32\n", called.stderr


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_training_records_gradients(tmp_path, mode):
    with mode():
        run = gan_zoo.train(*SMALL, folder=tmp_path / "run", steps=1, evaluate_every=0)
    assert run.summary["steps"] == 1


def test_program_of_hydra_trains(tmp_path):
    code = """
import gan_zoo, hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(config_path=None, version_base="1.3")
def main(config):
    before = HydraConfig.get().job.name
    run = gan_zoo.train(*%r, steps=1, evaluate_every=0, **config)
    assert "loss" not in hydra.compose()
    print(run.config["seed"], before, HydraConfig.get().job.name)

main()
"""
    (tmp_path / "mine.py").write_text(code % SMALL)
    words = [sys.executable, "mine.py", "-m", "+seed=1,2"]
    called = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert called.returncode == 0, called.stderr
    assert called.stdout.splitlines()[-1] == "2 mine mine"


def test_import_is_light():
    code = "import gan_zoo, sys; assert not {'torch', 'hydra'} & set(sys.modules); gan_zoo.train"
    subprocess.run([sys.executable, "-c", code], check=True)
