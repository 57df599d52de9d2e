"""gan-zoo compare from its words to a recommendation."""

import json
import re
import shlex
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from forked_scripts import run_script
from gan_zoo.__main__ import main
from gan_zoo.compare.networks import candidate_networks
from gan_zoo.compare.request import DEFAULT_LOSSES
from gan_zoo.compatibility import check_compatibility
from gan_zoo.experiment import load_experiment
from gan_zoo.launch.run_costs import CostMeter

SHORT = ["steps=12", "losses=gan,lsgan", "seeds=2", "batch_size=8"]
TINY = ["architecture=dcgan", "architecture.generator.width=4", "architecture.critic.width=4"]


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(60):
        height, width = rng.integers(33, 60, 2)
        pixels = rng.integers(256, size=(height, width, 3), dtype=np.uint8)
        path = tmp_path / "photos" / ("cats", "dogs")[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "photos"


def compare(folder, *words):
    return run_script("scripts/compare.py", *words, cwd=folder)


def test_folder_of_photos_ends_in_a_recommendation(photos):
    place = photos.parent
    caches = ("dataset.cache=cache", "evaluation.cache=cache")
    words = ("dataset.root=photos", *SHORT, *TINY, "evaluation.num_samples=20", *caches)
    ran = compare(place, *words)
    assert ran.returncode == 0, ran.stderr
    (sweep,) = place.glob("outputs/sweeps/compare-*")
    assert len(list(sweep.glob("loss=*,seed=*/summary.json"))) == 4
    assert (sweep / "report" / "report.html").is_file()
    plan = (sweep / "plan.txt").read_text()
    assert plan in ran.stdout
    assert "jobs         4: 2 losses, each with 2 seeds; 12 steps each" in plan
    assert "train.py -m seed=0,1 loss=gan,lsgan dataset=image_folder" in plan
    result = (sweep / "recommendation.txt").read_text()
    assert result in ran.stdout
    assert "report.html" in result
    assert "planned were" in ran.stdout
    check_resumed(place, sweep, words)


def check_resumed(place, sweep, words):
    """Check that a sweep with a missing job is completed, with the plan that it began with."""
    shutil.rmtree(sweep / "loss=gan,seed=1")
    (sweep / "recommendation.txt").unlink()
    assert compare(place, "sweep=resume", "--dry-run").stdout == (sweep / "plan.txt").read_text()
    assert not (sweep / "loss=gan,seed=1").exists()
    ran = compare(place, "sweep=resume")
    assert ran.returncode == 0, ran.stderr
    assert (sweep / "loss=gan,seed=1" / "summary.json").is_file()
    assert (sweep / "recommendation.txt").read_text() in ran.stdout
    changed = compare(place, *words, "precision=bf16", f"sweep={sweep.name}")
    assert changed.returncode == 2
    assert changed.stderr.startswith("error: precision=bf16: is not in the plan of sweep")
    longer = compare(place, "sweep=resume", "budget=3h")
    assert longer.stderr.startswith("error: budget=3h: is not in the plan of sweep")
    (sweep / "loss=gan,seed=1" / "summary.json").unlink()
    (sweep / "loss=gan,seed=1" / "failure.txt").write_text("OSError: disk full")
    failed = compare(place, "sweep=resume")
    assert failed.returncode == 3
    assert f"compare.py sweep={sweep.name} retry_failed=true\n" in failed.stdout
    (sweep / "compare.json").unlink()
    foreign = compare(place, f"sweep={sweep.name}")
    assert foreign.returncode == 2
    assert "was not planned by compare" in foreign.stderr


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys, brief):
    """A function that makes a plan without training, and returns what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["gan-zoo", "compare", *words, *SHORT, "--dry-run"])
        main()
        return capsys.readouterr().out

    return run


def test_dry_run_prints_the_plan_and_stops(plan, tmp_path):
    text = plan("dataset=ring", "dataset.count=300")
    assert "network      mlp_points; milliseconds per step: gan " in text
    assert "command      gan-zoo train -m seed=0,1 loss=gan,lsgan " in text
    assert not (tmp_path / "outputs").exists()


def test_npz_needs_no_dataset(plan, tmp_path):
    x = np.random.default_rng(0).integers(256, size=(60, 8, 10), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x=x, y=np.arange(60) % 2)
    text = plan("dataset.root=images.npz", "evaluation.cache=cache", "evaluation.num_samples=20")
    assert "mlp, 10x8 pixels" in text
    assert "2 classes; the metric uses them" in text
    assert "real images  distance " in text
    assert "dataset=npz" in text


@pytest.mark.parametrize(
    ("shape", "words", "why"),
    [
        ((24, 32), [], "evaluation.metrics=fast: .* frechet, manifold: need a feature network"),
        ((32, 32), ["evaluation.metrics=[nearest]"], "evaluation.metrics=nearest: .* add another"),
    ],
)
def test_nothing_to_compare_by_is_refused_before_measuring(
    shape, words, why, plan, tmp_path, monkeypatch, capsys
):
    x = np.random.default_rng(0).integers(256, size=(60, *shape), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x=x)
    monkeypatch.setattr(CostMeter, "measure", lambda *_: pytest.fail("measured"))
    with pytest.raises(SystemExit) as ended:
        plan("dataset.root=images.npz", *words, "evaluation.cache=cache")
    assert ended.value.code == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert re.match(f"error: {why}", errors[0])
    assert "there is nothing to compare losses by" in errors[0]


def test_plan_names_the_metric_that_losses_are_compared_by(plan):
    """The report prefers the divergence to modes, which is measured first."""
    text = plan("dataset=ring", "dataset.count=300", "evaluation.metrics=[modes,divergence]")
    assert "measured     metric/jsd, " in text


def test_home_folder_is_found(photos, plan, monkeypatch):
    monkeypatch.setenv("HOME", str(photos.parent))
    brief = ("dataset.cache=cache", "evaluation.cache=cache", "evaluation.num_samples=20")
    assert "ImageFolder: 45 images" in plan("dataset.root=~/photos", *TINY, *brief)


def test_every_loss_has_its_own_recipe_and_a_critic_that_it_suits(composed):
    for network in candidate_networks((1, 28, 28), [], []):
        for loss in (*DEFAULT_LOSSES, "relativistic"):
            config = composed("dataset=glyphs", "dataset.count=100", f"loss={loss}", *network.words)
            assert config["regularizer"] == composed(f"loss={loss}")["regularizer"]
            check_compatibility(load_experiment(config))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["budget=1x"], "budget=1x: must be a time such as 90s, 10m, 1h or 1h30m"),
        (["dataset.root=nowhere"], "dataset.root=nowhere: does not exist"),
        (["dataset.root=null"], "dataset.root=None: must be the path of a file or folder"),
        (["losses=foo,gan"], "losses=foo: choose one of"),
        (["dataset=ring", "batch_size=4,8"], "batch_size=4,8: compare sweeps over losses"),
        (["dataset=rong"], "dataset=rong: did you mean ring?"),
        (["stepz=3"], "stepz: unknown key; "),
        (["sweep=resume"], "sweep=resume: there is no sweep in outputs/sweeps to resume"),
        (["sweep=2026_11_29"], "sweep=2026_11_29: there is no such comparison in outputs/sweeps"),
        (["sweep=nosuch"], "sweep=nosuch: there is no such comparison in outputs/sweeps"),
        ([], "dataset.root: is missing; name your images, as dataset.root=FOLDER"),
        (["budget=10m"], "dataset.root: is missing; name your images, as dataset.root=FOLDER"),
        (["dataset=glyphs", "loss.slope=1"], "loss.slope: unknown key; "),
    ],
)
def test_mistake_is_one_line(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gan-zoo", "compare", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    stderr = capsys.readouterr().err
    assert ended.value.code == 2
    assert stderr.startswith(f"error: {message}")
    assert stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("own", [[], ["sweep=compare-x"]])
def test_comparison_that_was_only_planned_is_begun_by_its_words(own, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "outputs" / "sweeps" / "compare-x"
    folder.mkdir(parents=True)
    state = {"words": ["dataset.root=my photos", *own], "own_words": ["budget=5m"]}
    (folder / "compare.json").write_text(json.dumps(state))
    monkeypatch.setattr(sys, "argv", ["gan-zoo", "compare", "sweep=compare-x"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    begun, command = line.split(": type gan-zoo compare ")
    assert begun == "error: sweep=compare-x: was planned but not begun"
    words = ["dataset.root=my photos", "sweep=compare-x", "budget=5m"]
    assert sorted(shlex.split(command)) == sorted(words)


def test_help_names_the_settings(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gan-zoo", "compare", "--help"])
    main()
    text = capsys.readouterr().out
    assert all(word in text for word in ("budget=", "losses=", "seeds=", "--dry-run", "sweep="))
