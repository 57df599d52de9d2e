"""Devices other than the CPU and CUDA, played by a device type that is made in Python."""

import json
import re

import pytest
import torch

import stand_in_device
from forked_scripts import run_script
from gan_zoo import checkpoints, devices
from gan_zoo.command_line import one_line_errors
from gan_zoo.devices import find_device, float64_device, to_float64
from gan_zoo.schema import ConfigError
from gan_zoo.training.numerics import check_precision
from gan_zoo.training.rng import make_rng

needs_stand_in = pytest.mark.skipif(
    not stand_in_device.is_possible(), reason="this torch cannot add a device type in Python"
)
SMALL = ["dataset.count=300", "batch_size=8", "steps=4", "evaluation.num_samples=100"]
SMALL += ["log_every=1", "sample_every=4", "checkpoint_every=2", "evaluate_every=4"]
RING = [*SMALL, "dataset=ring", "architecture=mlp_points", "loss=glsgan"]
RING += ["recipe=paper"]
GLYPHS = [*SMALL, "dataset=glyphs", "architecture=mlp"]


def train_on(device, folder, *words):
    """Run train.py on a device. Returns its output."""
    script = ("tests/stand_in_device.py", "train.py") if device != "cpu" else ("train.py",)
    cache = f"evaluation.cache={folder.parent}/cache"
    words = [*words, f"device={device}", cache, f"hydra.run.dir={folder}"]
    ran = run_script(*script, *words, cwd=folder.parent)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def lines(folder):
    """Logged values, without timings."""
    logged = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("perf/")} for line in logged]


def assert_equal_runs(folder, other):
    """Assert that two runs log the same values up to rounding, and draw the same pictures."""
    assert len(lines(folder)) == len(lines(other)) > 0
    for ours, theirs in zip(lines(folder), lines(other), strict=True):
        infinite = {name for name, value in ours.items() if value is None}
        assert infinite == {name for name, value in theirs.items() if value is None}
        finite = [{k: v for k, v in each.items() if k not in infinite} for each in (ours, theirs)]
        assert finite[0] == pytest.approx(finite[1], rel=1e-3, abs=1e-4)
    pictures = [sorted(p.name for p in (each / "samples").iterdir()) for each in (folder, other)]
    assert pictures[0] == pictures[1]


@needs_stand_in
@pytest.mark.parametrize("words", [RING, GLYPHS], ids=["points", "images"])
def test_run_equals_that_of_the_cpu(tmp_path, words):
    train_on("standin", tmp_path / "other", *words)
    train_on("cpu", tmp_path / "cpu", *words)
    assert_equal_runs(tmp_path / "other", tmp_path / "cpu")
    summary = json.loads((tmp_path / "other/summary.json").read_text())
    assert (summary["device"], summary["device_name"]) == ("standin", stand_in_device.FULL_NAME)
    metrics = {k: v for k, v in summary["last"].items() if k.startswith("metric/")}
    assert len(metrics) > 5


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Folder of a run of 8 steps on the CPU."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    train_on("cpu", folder, *RING, "evaluate_every=0", "steps=8")
    return folder


@needs_stand_in
@pytest.mark.parametrize(
    ("first", "second"), [("standin", "standin"), ("standin", "cpu"), ("cpu", "standin")]
)
def test_run_is_resumed_on_another_device(tmp_path, uninterrupted, first, second):
    words = [*RING, "evaluate_every=0"]
    train_on(first, tmp_path / "run", *words)
    train_on(second, tmp_path / "run", *words, "steps=8", "resume=auto")
    assert_equal_runs(tmp_path / "run", uninterrupted)


@needs_stand_in
def test_conditional_convolutions_train_with_penalty(tmp_path):
    words = [*GLYPHS, "architecture=dcgan", "conditional=true", "dataset.class_balanced=true"]
    words += ["regularizer=gradient_penalty", "dataset.on_device=false", "steps=2"]
    words += ["evaluate_every=0", "architecture.critic.norm=none", "deterministic=true"]
    for device in ("standin", "cpu"):
        train_on(device, tmp_path / device, *words)
    assert_equal_runs(tmp_path / "standin", tmp_path / "cpu")


@needs_stand_in
def test_compilation_falls_back_to_eager(tmp_path):
    words = [*RING, "compile=true", "evaluate_every=0", "sample_every=0"]
    said = train_on("standin", tmp_path / "run", *words)
    assert "falling back to eager (only for cpu and cuda, not for standin)" in said


@needs_stand_in
@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("precision=bf16", "precision=bf16: standin has no autocast to bfloat16 here; use fp32"),
        ("device=meta", "device=meta: is not available here; use auto, cpu, standin"),
    ],
)
def test_what_it_lacks_is_refused_in_one_line(tmp_path, word, message):
    words = ["train.py", *RING, "device=standin", word, f"hydra.run.dir={tmp_path}/run"]
    ran = run_script("tests/stand_in_device.py", *words, cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1] == f"error: {message}"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["meta", "vulkan", "lazy", "hpu", "privateuseone", "abacus", ""])
def test_device_without_values_is_refused(name):
    with pytest.raises(ConfigError, match=r"is not available here; use auto, cpu"):
        find_device(name)


@pytest.mark.parametrize(
    ("cuda", "reported", "computes", "found"),
    [
        (True, "cuda", True, "cuda"),
        (True, "xpu", True, "cuda"),
        (False, "mps", True, "mps"),
        (False, "mps", False, "cpu"),
        (False, None, True, "cpu"),
    ],
)
def test_auto_is_cuda_then_an_accelerator_then_the_cpu(
    monkeypatch, cuda, reported, computes, found
):
    current = torch.device(reported) if reported else None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: current)
    monkeypatch.setattr(devices, "_computes", lambda name: computes)
    assert find_device("auto") == torch.device(found)


def test_float64_is_on_the_device_that_has_it(monkeypatch):
    x = torch.rand(3)
    assert to_float64(x).dtype == torch.float64
    assert float64_device(torch.device("meta")).type == "meta"


def test_precision_of_the_cpu_is_accepted():
    for precision in ("fp32", "bf16"):
        check_precision(precision, torch.device("cpu"))


def test_device_without_generators_uses_those_of_the_cpu():
    assert make_rng(0, "noise", "meta").device.type == "cpu"


def test_checkpoint_keeps_what_torch_stores_beside_the_tensors(tmp_path):
    state = torch.nn.BatchNorm1d(2).state_dict()
    checkpoints.save(tmp_path / "1.pt", {"net": state, "list": [torch.ones(1)]})
    content = checkpoints.read(tmp_path / "1.pt")
    assert content["net"]._metadata == state._metadata
    assert content["list"] == [torch.ones(1)]


def test_operation_that_a_device_lacks_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended, one_line_errors():
        torch.eye(2).to_sparse().cumsum(0)
    assert ended.value.code == 3
    stderr = capsys.readouterr().err
    assert re.fullmatch(
        r"error: torch has no aten::[\w.]+ for this device; use device=cpu\n", stderr
    )
