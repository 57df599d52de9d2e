"""train.py and scripts/sample.py as a user calls them."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import hydra
import numpy as np
import pytest
from PIL import Image

from forked_scripts import run_script
from gan_zoo import checkpoints, latest_sweep, sampling
from gan_zoo.report.sample_sheets import tiles
from gan_zoo.schema import ConfigError

ROOT = Path(__file__).parents[2]
SMALL = ["dataset.count=200", "batch_size=8", "steps=2", "log_every=1", "device=cpu"]
SMALL += ["evaluate_every=0"]


@pytest.mark.parametrize(
    ("words", "key", "allowed"),
    [
        (["loss=glsgan", "loss.slop=1"], "loss.slop", "did you mean loss.slope?"),
        (["loss=glsgan", "loss.slope=1.5"], "loss.slope=1.5", "must be at most 1"),
        (["loss=glsgan", "loss.slope=nan"], "loss.slope=nan", "must be a finite number"),
        (["loss=glsgan", "loss.slope=abc"], "loss.slope=abc", "must be a number"),
        (["n_critic=0"], "n_critic=0", "must be at least 1"),
        (["steps=many"], "steps=many", "must be an integer"),
        (["loss=wgna"], "loss=wgna", "did you mean wgan?"),
        (["loss=3"], "loss=3", "choose one of cls_gan"),
        (["regularizer=null"], "regularizer=null", "choose one of augmentation"),
        (["experiment=NULL"], "experiment=NULL", "choose one of characters"),
        (["-m", "loss=gan,1e3"], "loss=1e3", "choose one of cls_gan"),
        (["-m", "loss=range(1,3)"], "loss=range(1,3)", "choose one of cls_gan"),
        (["hydra/launcher=null"], "hydra/launcher=null", "must be a name"),
        (["hydra/launcher=slurm_local"], "hydra/launcher=slurm_local", "type -m as well"),
        (["stesp=3"], "stesp", "did you mean steps?"),
        (["lossy.slope=0"], "lossy", "did you mean loss?"),
        (["steps.x=3"], "steps.x", "unknown key; steps has none"),
        (["optimizer.betas.x=3"], "optimizer.betas.x=3", "is a list: type 'optimizer.betas=[A,B]'"),
        (["+extra=3"], "extra=3", "unknown key"),
        (["batch_size=300", "dataset.count=200"], "batch_size=300", "must be at most 200"),
        (["device=cuda"], "device=cuda", "use auto, cpu"),
        (["device=abacus"], "device=abacus", "use auto, cpu"),
        (["dataset=mnist", "dataset.root=nowhere"], "dataset.root=nowhere", "dataset=glyphs"),
        (["dataset=ring", "architecture=dcgan"], "architecture.generator", "square images"),
        (["dataset=ring", "conditional=true"], "conditional=True", "needs a dataset with labels"),
        (["-m", "loss=glsgan", "loss.slope=0,1.5"], "loss.slope=1.5", "must be at most 1"),
        (["loss=gan", "steps"], "steps", "did you mean steps=VALUE?"),
        (["~loss"], "~loss", "every run needs it; loss=NAME changes it"),
        (["-m", "~dataset=glyphs"], "~dataset=glyphs", "dataset=NAME changes it"),
        (["~steps"], "~steps", "steps=VALUE changes it"),
        (["~loss.slop"], "~loss.slop", "did you mean ~loss.slope?"),
        (["~loss.slope"], "~loss.slope", "is a setting of loss=glsgan, loss="),
        (["~"], "~", "settings are typed as KEY=VALUE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistake_is_one_line_and_leaves_no_files(tmp_path, words, key, allowed):
    called = run_script("train.py", *words, cwd=tmp_path)
    assert called.returncode == 2
    lines = called.stderr.strip().splitlines()
    assert len(lines) == 1, called.stderr
    assert lines[0].startswith("error: ")
    assert key in lines[0]
    assert allowed in lines[0]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("words", [["--help"], ["--cfg", "job"]], ids=["help", "configuration"])
def test_help_and_configuration_import_no_torch(words):
    script = (
        f"import runpy, sys; sys.argv = ['train.py', *{words!r}]\n"
        "try: runpy.run_path('train.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    assert "alphabet: " in ran.stdout


@pytest.mark.parametrize("word", ["steps=-1", "stesp=1"])
def test_only_hydra_composes_before_a_mistake(word):
    script = (
        f"import runpy, sys; sys.argv = ['train.py', '{word}']\n"
        "from hydra._internal.config_loader_impl import ConfigLoaderImpl as loader\n"
        "load, composed = loader.load_configuration, []\n"
        "loader.load_configuration = lambda *a, **k: composed.append(1) or load(*a, **k)\n"
        "try: runpy.run_path('train.py', run_name='__main__')\n"
        "except SystemExit as end: print(end.code, len(composed))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    # hydra.main of 1.3 composes once for the mode and once to run; that of 1.4 in another function
    count = "2" if hydra.__version__.startswith("1.3") else "0"
    assert ran.stdout.split() == ["2", count], ran.stderr


@pytest.mark.parametrize(("words", "jobs"), [(["seed=1"], 1), (["-m", "seed=1,2"], 2)])
def test_each_job_is_checked_once(tmp_path, words, jobs):
    script = tmp_path / "count.py"
    script.write_text(
        "import runpy\n"
        "from gan_zoo import experiment\n"
        "load, checked = experiment.load_experiment, []\n"
        "experiment.load_experiment = lambda config: checked.append(1) or load(config)\n"
        f"runpy.run_path({str(ROOT / 'train.py')!r}, run_name='__main__')\n"
        "print(len(checked))\n"
    )
    ran = run_script(script, *words, *SMALL, cwd=tmp_path)
    assert ran.stdout.splitlines()[-1:] == [str(jobs)], ran.stderr


def test_hydra_mode_multirun_sweeps_without_flag(tmp_path):
    words = ["hydra.mode=MULTIRUN", "loss=glsgan", "loss.slope=-1,0", *SMALL]
    called = run_script("train.py", *words, cwd=tmp_path)
    assert called.returncode == 0, called.stderr
    jobs = {path.name for path in (tmp_path / "outputs" / "sweeps").glob("*/loss.slope=*")}
    assert jobs == {"loss.slope=-1", "loss.slope=0"}


def test_header_names_loss_paper_formula_recipe(tmp_path):
    called = run_script("train.py", "loss=ls_gan", "recipe=paper", *SMALL, cwd=tmp_path)
    assert called.returncode == 0, called.stderr
    assert "Loss-Sensitive GAN (LS-GAN), Qi 2017" in called.stdout
    assert "(m(x, G(z)) + D(G(z)) - D(x))_+" in called.stdout
    assert "lr=0.0001" in called.stdout
    assert "step 2/2" in called.stdout
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    assert (run / ".hydra" / "overrides.yaml").exists()


def test_loss_recipe_yields_to_command_line(composed):
    recipe = composed("loss=wgan", "recipe=paper")
    assert recipe["n_critic"] == 5
    assert recipe["optimizer"]["critic"]["lr"] == 5e-5
    assert recipe["regularizer"]["bound"] == 0.01
    words = ["regularizer=gradient_penalty", "optimizer=adam", "optimizer.lr=0.001", "n_critic=2"]
    changed = composed("loss=wgan", "recipe=paper", *words)
    assert changed["n_critic"] == 2
    assert changed["optimizer"]["generator"]["_target_"].endswith("Adam")
    assert changed["optimizer"]["critic"]["lr"] == 0.001
    assert changed["regularizer"]["_target_"].endswith("GradientPenalty")


def test_job_folders_are_named_by_swept_values(tmp_path):
    words = ["-m", "loss=glsgan", "loss.slope=-1,0", "seed=0,1", *SMALL]
    called = run_script("train.py", *words, cwd=tmp_path)
    assert called.returncode == 0, called.stderr
    sweep = latest_sweep.resolve(tmp_path / "outputs" / "sweeps" / "LATEST")
    runs = {path.name: path for path in sweep.iterdir() if path.is_dir()}
    assert {name for name in runs if name.startswith("loss")} == {
        f"loss.slope={slope},seed={seed}" for slope in (-1, 0) for seed in (0, 1)
    }
    summaries = [json.loads((runs[n] / "summary.json").read_text()) for n in runs if "seed" in n]
    assert [summary["steps"] for summary in summaries] == [2] * 4


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, trained):
    folder = tmp_path_factory.mktemp("run")
    trained(folder, *SMALL, "conditional=true", "seed=1")
    return folder


def test_sampling_needs_only_a_checkpoint(tmp_path, run_folder):
    (checkpoint,) = (run_folder / "checkpoints").glob("*.pt")
    alone = tmp_path / "alone.pt"
    alone.write_bytes(checkpoint.read_bytes())
    words = [alone, "--out", tmp_path / "out", "--grid", 20, "--pngs", 3, "--npz", 30]
    words += ["--class", "7,0", "--interpolation", 4, "--per-class", 3]
    called = run_script("scripts/sample.py", *words, cwd=tmp_path)
    assert called.returncode == 0, called.stderr
    out = tmp_path / "out"
    for name, columns in (("grid", 10), ("classes", 3)):
        pixels = np.asarray(Image.open(out / f"{name}.png"))
        assert len(pixels) == 2 * 30 + 2
        assert [tile.shape for tile in tiles(out / f"{name}.png")] == [(28, 28, 3)] * 2 * columns
    assert Image.open(out / "interpolation.png").size == (10 * 30 + 2, 4 * 30 + 2)
    pictures = sorted((out / "pngs").iterdir())
    assert [Image.open(path).size for path in pictures] == [(28, 28)] * 3
    arrays = np.load(out / "samples.npz")
    assert arrays["x"].shape == (30, 1, 28, 28)
    assert arrays["y"].tolist() == [7] * 15 + [0] * 15
    assert arrays["z"].shape == (30, 20)
    assert arrays["class_names"].tolist() == [*"0123456789"]


def test_sampling_needs_no_dataset_files(tmp_path, trained):
    np.savez(tmp_path / "mine.npz", x=np.zeros((20, 16, 16), np.uint8))
    words = ["dataset=npz", f"dataset.root={tmp_path / 'mine.npz'}", "batch_size=8", "steps=1"]
    trained(tmp_path / "run", *words, "device=cpu")
    (tmp_path / "mine.npz").unlink()
    called = run_script("scripts/sample.py", tmp_path / "run", "--grid", 4)
    assert called.returncode == 0, called.stderr
    assert Image.open(tmp_path / "run" / "generated" / "grid.png").size == (2 * 18 + 2,) * 2
    for option in ("--per-class", "--pngs-per-class"):
        called = run_script("scripts/sample.py", tmp_path / "run", option, 4)
        assert called.stderr.startswith(f"error: {option[2:]}=4: the run is unconditional")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--class", "3,10"], "class=10: must be from 0 to 9"),
        (["--class", "three"], "class=three: must be from 0 to 9"),
        (["--grid", "0"], "must be a whole number above 0"),
        (["--seed", f"{2**63}"], f"{2**63} must be a whole number of 0 or more and below 2^63"),
        (["--seed", "9" * 5000], "9 must be a whole number of 0 or more and below 2^63"),
        (["--seed", "-1"], "-1 must be a whole number of 0 or more"),
    ],
)
def test_invalid_sample_arguments_are_refused(run_folder, words, message):
    called = run_script("scripts/sample.py", run_folder, *words)
    assert called.returncode != 0
    assert message in called.stderr
    assert "Traceback" not in called.stderr


@pytest.fixture
def named(run_folder):
    """A function from names to a sampler of classes so named."""
    sampler = sampling.load_sampler(run_folder)

    def rename(*names):
        return dataclasses.replace(sampler, class_names=names)

    return rename


@pytest.mark.parametrize(
    ("names", "words", "labels"),
    [
        (("cat", "dog", "a, b"), "dog", (1,)),
        (("cat", "dog", "a, b"), "dog, cat", (1, 0)),
        (("cat", "dog", "a, b"), "a, b", (2,)),
        (("cat", "dog", "a, b"), "2,dog", (2, 1)),
        (("cat", "1", "dog"), "1,2", (1, 2)),
        (("cat", "2", "dog"), "2,1", (1, 1)),
        (tuple(map(str, range(1, 11))), "10,1", (9, 0)),
        (("0", "7", "14"), "7", (1,)),
        (("a\\nb", "\\x1b[31mred"), "a\\nb", (0,)),
        (("a\\nb", "\\x1b[31mred"), "\x1b[31mred,a\nb", (1, 0)),
    ],
)
def test_classes_are_chosen_by_name_then_number(named, names, words, labels):
    assert named(*names).parse_classes(words) == labels


@pytest.mark.parametrize(
    ("names", "words", "message"),
    [
        (("cat", "dog"), "cst", "class=cst: did you mean cat?"),
        (("cat", "dog"), "horse", "class=horse: must be one of cat, dog"),
        (("cat", "dog"), "2", "class=2: must be from 0 to 1, or a name: cat, dog"),
        (("cat", "dog"), "-1", "class=-1: must be from 0 to 1"),
        (("cat", "dog"), "", "class=: must be one of cat, dog"),
        (("1", "2"), "0", "class=0: must be from 1 to 2"),
        (("0", "7", "14"), "1", "class=1: must be one of 0, 7, 14"),
        (tuple(f"kind {i:03}" for i in range(900)), "?", "kind 019 and 880 more"),
        ((), "3", "class=3: the run is unconditional: .*conditional=true"),
    ],
)
def test_unknown_class_lists_known_classes(named, names, words, message):
    with pytest.raises(ConfigError, match=message):
        named(*names).parse_classes(words)


def test_checkpoint_without_class_names_can_be_sampled(run_folder, tmp_path):
    content = checkpoints.load(checkpoints.latest_path(run_folder))
    del content["class_names"]
    checkpoints.save(tmp_path / "old.pt", content)
    assert sampling.load_sampler(tmp_path / "old.pt").parse_classes("9") == (9,)


def test_new_samples_replace_old_samples(run_folder, tmp_path):
    sampler = sampling.load_sampler(run_folder)
    (tmp_path / "pngs").mkdir()
    (tmp_path / "pngs" / "mine.png").touch()
    for count in (5, 2):
        latents = {"z": sampler.latent(count, 0), "y": sampler.labels(count)}
        sampling.write_images(sampler, tmp_path / "pngs", **latents)
        sampling.write_npz(sampler, tmp_path / "samples.npz", **latents)
    left = sorted(path.name for path in tmp_path.rglob("*"))
    assert left == ["000000.png", "000001.png", "mine.png", "pngs", "samples.npz"]
    assert len(np.load(tmp_path / "samples.npz")["x"]) == 2


def test_images_by_class_are_numbered_in_folders(run_folder, tmp_path):
    sampler = dataclasses.replace(
        sampling.load_sampler(run_folder), class_names=("a/b", "..", *"cdefghij")
    )
    for chosen in ((3,), (1, 0)):
        latents = {"z": sampler.latent(4, 0), "y": sampler.labels(4, chosen)}
        sampling.write_images(sampler, tmp_path / "pngs", **latents, by_class=True)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png"))
    numbered = ["000000.png", "000001.png"]
    assert left == [f"pngs/{name}/{n}" for name in ("0-a_b", "1-__") for n in numbered]
    assert [path.name for path in tmp_path.iterdir()] == ["pngs"]
    assert not (tmp_path / "pngs" / "3-d").exists()
    written = np.asarray(Image.open(tmp_path / "pngs" / "1-__" / "000001.png"))
    expected = sampler.generate(latents["z"], latents["y"])[1, 0]
    assert np.allclose(written / 127.5 - 1, expected, atol=0.01)


@pytest.mark.parametrize(("by_class", "place"), [(False, "pngs"), (True, "pngs/holiday")])
def test_numbered_images_of_the_user_stay(run_folder, tmp_path, by_class, place):
    sampler = sampling.load_sampler(run_folder)
    latents = {"z": sampler.latent(2, 0), "y": sampler.labels(2)}
    sampling.write_images(sampler, tmp_path / "pngs", **latents, by_class=by_class)
    (tmp_path / place).mkdir(exist_ok=True)
    for number in (500, 501):
        Image.new("L", (4, 4)).save(tmp_path / place / f"{number:06d}.png")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    with pytest.raises(ConfigError, match=rf"^out={tmp_path}: holds .*: {place}/000500") as error:
        sampling.write_images(sampler, tmp_path / "pngs", **latents, by_class=by_class)
    assert "type another --out, or delete them" in str(error.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before
    assert len(before) == 4


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (
            tuple(map(str, range(1, 11))),
            ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10"],
        ),
        (("01", "1"), ["0-01", "1-1"]),
        (("1", "10", "2"), ["0-1", "1-10", "2-2"]),
        (("cat", "dog"), ["0-cat", "1-dog"]),
        (("甲", "乙"), ["0-甲", "1-乙"]),
    ],
)
def test_class_folders_have_the_order_of_labels(named, names, folders):
    assert [named(*names).class_folder(label) for label in range(len(names))] == folders


def test_arrays_state_layout_and_range(run_folder, trained, tmp_path):
    images = sampling.load_sampler(run_folder)
    latents = {"z": images.latent(3, 0), "y": images.labels(3)}
    told = sampling.write_npz(images, tmp_path / "images.npz", **latents)
    assert told == "x (3, 1, 28, 28) is NCHW, uint8, 0 to 255"
    arrays = np.load(tmp_path / "images.npz", allow_pickle=False)
    assert str(arrays["layout"]) == "NCHW"
    assert arrays["value_range"].tolist() == [0, 255]
    trained(tmp_path / "ring", "dataset=ring", "dataset.count=50", "batch_size=8", "steps=1")
    points = sampling.load_sampler(tmp_path / "ring")
    latents = {"z": points.latent(3, 0), "y": points.labels(3)}
    told = sampling.write_npz(points, tmp_path / "points.npz", **latents)
    assert told == "x (3, 2) is NC, float32 in the units of the dataset"
    assert str(np.load(tmp_path / "points.npz")["layout"]) == "NC"


def test_images_by_class_need_classes(tmp_path, trained):
    trained(tmp_path / "run", "dataset.count=50", "batch_size=8", "steps=1", "device=cpu")
    called = run_script("scripts/sample.py", tmp_path / "run", "--pngs-per-class", 2)
    assert called.returncode == 2
    assert called.stderr.startswith("error: pngs-per-class=2: the run is unconditional: ")


def test_invalid_checkpoint_is_refused_by_name(tmp_path):
    (tmp_path / "fake.pt").write_bytes(b"no checkpoint")
    for source, message in (
        (tmp_path, "holds no checkpoints"),
        (tmp_path / "fake.pt", "is damaged"),
    ):
        called = run_script("scripts/sample.py", source)
        assert called.returncode != 0
        assert message in called.stderr
        assert "Traceback" not in called.stderr


def test_sample_of_a_sweep_names_a_run(tmp_path):
    sweep = tmp_path / "sweep"
    for name in ("loss=gan", "loss/divergence=kl"):
        (sweep / name / "checkpoints").mkdir(parents=True)
    (sweep / "multirun.yaml").touch()
    called = run_script("scripts/sample.py", "sweep", cwd=tmp_path)
    assert called.stderr == "error: run=sweep: is a sweep; no run has a checkpoint\n"
    (sweep / "loss/divergence=kl/checkpoints/00000001.pt").touch()
    called = run_script("scripts/sample.py", "sweep", cwd=tmp_path)
    found = "choose one of its runs, such as sweep/loss/divergence=kl"
    assert called.stderr == f"error: run=sweep: is a sweep; {found}\n"
    assert called.returncode == 2
