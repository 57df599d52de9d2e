"""Every dataset's configuration, scripts/describe.py, and lazy imports."""

import dataclasses
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gan_zoo
from gan_zoo import launch
from gan_zoo.command_line import EXIT_USAGE
from gan_zoo.report.sample_sheets import tiles
from gan_zoo.schema import check

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs" / "dataset").glob("*.yaml"))


@pytest.fixture(scope="module")
def describe():
    spec = importlib.util.spec_from_file_location("describe", ROOT / "scripts" / "describe.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(describe, monkeypatch, tmp_path, capsys):
    """A function that calls the script and returns its exit code, its lines and its errors."""

    def call(*words):
        words = ["describe.py", *words, "--out", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", words)
        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
        code = 0
        try:
            with launch.one_line_hydra_errors():
                describe.main()
        except SystemExit as left:
            code = left.code
        out, err = capsys.readouterr()
        about, _, layers = out.partition("generator\n")
        lines = dict(line.split(maxsplit=1) for line in about.splitlines())
        return code, {**lines, **({"layers": layers.splitlines()} if layers else {})}, err

    return call


def test_labeled_dataset_is_described_and_plotted(run, tmp_path):
    code, lines, _ = run("dataset=glyphs", "dataset.count=500", "dataset.alphabet=AB")
    assert code == 0
    assert lines["dataset"] == "glyphs, gan_zoo.data.glyphs.Glyphs"
    assert lines["sample"] == "1x28x28 of torch.uint8"
    assert lines["train"].startswith("500 samples, 0.4 MB, 2 classes of ")
    assert lines["test"].startswith("100 samples, ")
    assert re.fullmatch(r"2: A \(2\d\d\), B \(2\d\d\)", lines["classes"])
    pixels = np.asarray(Image.open(tmp_path / "out" / "glyphs.png"))
    assert len(pixels) == 2 * 30 + 2
    assert [tile.shape for tile in tiles(tmp_path / "out/glyphs.png")] == [(28, 28, 3)] * 64
    assert pixels.shape[1] > 32 * 30 + 2  # names of the classes on the left


def test_run_is_described_as_it_was_trained(run, tmp_path):
    words = ["dataset=ring", "dataset.count=50", "batch_size=8", "evaluate_every=0"]
    folder = gan_zoo.train(*words, folder=tmp_path / "run", steps=1).folder
    code, _, error = run(str(folder))
    assert (code, error) == (2, f"error: {folder}: type resume={folder}\n")
    code, lines, error = run(f"resume={folder}")
    assert (code, error) == (0, "")
    assert lines["train"].startswith("50 samples, ")


def test_settings_of_a_replaced_choice_are_dropped(run):
    words = ["experiment=mnist_all_labels", "architecture=mlp", "dataset=glyphs"]
    code, lines, error = run(*words, "dataset.count=50")
    assert (code, error) == (0, "")
    assert lines["train"].startswith("50 samples, ")


def test_layers_are_listed(run):
    _, lines, _ = run("dataset=glyphs", "dataset.count=50", "architecture=mlp")
    rows = [line.split() for line in lines["layers"] if line]
    assert ["body.0", "Linear", "1024", "21,504"] in rows
    assert [row[-1] for row in rows if row[0] == "sum"] == ["825,104", "233,985"]


def test_mixture_is_described_and_plotted(run, tmp_path):
    code, lines, _ = run("dataset=spiral", "dataset.count=300")
    assert code == 0
    assert "no labels" in lines["train"]
    assert Image.open(lines["image"]).size == (512, 512)


def test_describe_without_test_split(run, class_folders, tmp_path):
    overrides = [f"dataset.root={class_folders}", f"dataset.cache={tmp_path / 'cache'}"]
    code, lines, _ = run("dataset=image_folder", *overrides, "dataset.test_share=0")
    assert code == 0
    assert lines["train"].startswith("16 samples, 0.2 MB, 2 classes of 8 images, fingerprint ")
    assert lines["test"].startswith("none: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dataset=mnst"], "dataset=mnst: did you mean mnist?"),
        (["dataset=npz", "dataset.root=nowhere.npz"], "dataset.root=nowhere.npz: does not exist"),
        (["dataset=glyphs", "dataset.sise=3"], "dataset.sise: unknown key; did you mean"),
    ],
)
def test_mistakes_are_one_line(run, words, message):
    code, lines, errors = run(*words)
    assert code == EXIT_USAGE
    assert not lines
    assert errors.startswith(f"error: {message}")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_lists_all_settings(path, composed):
    node = composed(f"dataset={path.stem}")["dataset"]
    target, _ = check(node, "dataset")
    assert set(node) - {"_target_"} == {field.name for field in dataclasses.fields(target)}
    first, second = path.read_text().splitlines()[:2]
    assert (second if first.startswith("# @package") else first).startswith("# ")


def test_settings_of_datasets_load_nothing_heavy():
    modules = {str(module_of(path)) for path in CONFIGS}
    script = f"import sys, {', '.join(sorted(modules))}\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    heavy = {"torch", "numpy", "PIL", "torchvision", "scipy", "lmdb", "tqdm"}
    assert not heavy & set(ran.stdout.split())


def module_of(path):
    """The module that a configuration's `_target_` lies in."""
    (line,) = [line for line in path.read_text().splitlines() if "_target_" in line]
    return line.split()[1].rpartition(".")[0]


def test_the_real_mnist_is_described(run, real_mnist):
    code, lines, _ = run("dataset=mnist", f"dataset.root={real_mnist}")
    assert code == 0
    assert lines["train"].startswith("60,000 samples, 47.5 MB, 10 classes of 5,421 to 6,742")
    assert lines["test"].startswith("10,000 samples")
