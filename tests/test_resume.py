"""A resumed run equals one that was never stopped."""

import json
import logging
import os
import random
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gan_zoo
from forked_scripts import ScriptProcess, run_script
from gan_zoo import checkpoints, latest_sweep
from gan_zoo.callbacks import RunCallbacks
from gan_zoo.evaluation import monitor
from gan_zoo.experiment import load_experiment
from gan_zoo.launch.resume import add_saved_choices
from gan_zoo.resumed_run import check_unchanged, delete_pictures_after
from gan_zoo.run import train
from gan_zoo.run_folder import finished_summary, read_failure, resume_hint, write_failure
from gan_zoo.schema import ConfigError
from gan_zoo.setting_keys import reproduce_command
from gan_zoo.training.runner import StepRunner
from gan_zoo.training.signals import Interrupted

ROOT = Path(__file__).parents[1]
SMALL = ["dataset.count=300", "batch_size=8", "log_every=3", "sample_every=100", "device=cpu"]
SMALL += ["evaluate_every=0"]
HARD = [*SMALL, "loss=wgan", "recipe=paper", "n_critic=2"]  # everything that has a state
HARD += ["regularizer=combined"]
HARD += [f"+regularizer@regularizer.parts.{r}={r}" for r in ("spectral_norm", "gradient_penalty")]


def lines(folder):
    """metrics.jsonl without timings."""
    read = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("perf/")} for line in read]


def tensors(node, prefix=""):
    """All tensors of a nested structure with their places."""
    if torch.is_tensor(node):
        yield prefix, node
    elif isinstance(node, (dict, list, tuple)):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            yield from tensors(value, f"{prefix}/{key}")


def same_state(one, two):
    first, second = (
        dict(tensors(checkpoints.load(checkpoints.latest_path(f)))) for f in (one, two)
    )
    assert set(first) == set(second)
    assert len(first) > 20
    return [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.mark.parametrize(
    "recipe",
    [
        HARD,
        [*SMALL, "architecture=dcgan", "loss=relativistic_average"],
        [*SMALL, "log_every=0", "sample_every=0", "checkpoint_every=0", "evaluate_every=3"],
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one(trained, tmp_path, recipe):
    if "architecture=dcgan" in recipe:
        recipe = [*recipe, *(f"architecture.{p}.width=4" for p in ("generator", "critic"))]
    trained(tmp_path / "one", *recipe, "steps=14")
    trained(tmp_path / "two", *recipe, "steps=7")
    torch.manual_seed(5)  # must not matter
    trained(tmp_path / "two", *recipe, "steps=14")
    assert same_state(tmp_path / "one", tmp_path / "two")
    assert lines(tmp_path / "one") == lines(tmp_path / "two")


def test_a_resumed_run_may_read_its_data_in_another_way(trained, tmp_path):
    (tmp_path / "data").mkdir()
    for i in range(30):
        pixels = np.random.default_rng(i).integers(256, size=(8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"data/{i}.png")
    words = ["dataset=image_folder", f"dataset.root={tmp_path}/data", "dataset.size=8"]
    words += ["dataset.channels=1", "batch_size=8", "device=cpu"]
    first = ["dataset.on_device=true", "dataset.workers=1", f"dataset.cache={tmp_path / 'a'}"]
    other = ["dataset.on_device=false", "dataset.workers=3", f"dataset.cache={tmp_path / 'b'}"]
    trained(tmp_path / "one", *words, *first, "steps=14")
    trained(tmp_path / "two", *words, *first, "steps=7")
    trained(tmp_path / "two", *words, *other, "steps=14")
    assert same_state(tmp_path / "one", tmp_path / "two")
    assert lines(tmp_path / "one") == lines(tmp_path / "two")
    check_unchanged({"dataset": {"download": False}}, {"dataset": {"download": True}})


def health(folder):
    """The saved state of the health monitor, and the status in the summary."""
    state = checkpoints.load(checkpoints.latest_path(folder))["health"]
    return state, json.loads((folder / "summary.json").read_text())["health"]


SICK = ["dataset=ring", *SMALL[:2], "device=cpu", "sample_every=0", "checkpoint_every=1"]
SICK += ["evaluation.num_samples=20"]


SLOW = [pytest.param(*every, marks=pytest.mark.slow) for every in ((1, 0), (3, 2), (4, 7), (0, 0))]


@pytest.mark.parametrize(("log_every", "evaluate_every"), [(1, 4), (2, 3), (0, 4), *SLOW])
@pytest.mark.parametrize("first", [7, 8, 12, "killed"])
def test_a_resumed_run_has_the_same_health(
    trained, tmp_path, monkeypatch, log_every, evaluate_every, first
):
    monkeypatch.setattr(monitor, "_SHARE", 4.0)  # of the samples: every other step
    monkeypatch.setattr(
        "gan_zoo.evaluation.health._COLLAPSED_DISTANCE", 100.0
    )  # whatever the samples are
    words = [*SICK, f"log_every={log_every}", f"evaluate_every={evaluate_every}"]
    trained(tmp_path / "one", *words, "steps=13")
    if first == "killed":  # between the last checkpoint and the summary
        trained(tmp_path / "two", *words, "steps=13")
        (tmp_path / "two" / "summary.json").unlink()
    else:
        trained(tmp_path / "two", *words, f"steps={first}")
    trained(tmp_path / "two", *words, "steps=13")
    assert health(tmp_path / "two") == health(tmp_path / "one")
    if log_every == 1:
        assert health(tmp_path / "one")[1] == "collapsed at step 1"


def test_an_older_checkpoint_can_be_resumed(trained, tmp_path):
    trained(tmp_path / "one", *SMALL, "steps=9", "checkpoint_every=3")
    trained(tmp_path / "two", *SMALL, "steps=9", "checkpoint_every=3")
    older = tmp_path / "two" / "checkpoints" / "00000006.pt"
    (tmp_path / "two" / "summary.json").unlink()
    trained(tmp_path / "two", *SMALL, "steps=9", "checkpoint_every=3", f"resume={older}")
    assert same_state(tmp_path / "one", tmp_path / "two")
    assert lines(tmp_path / "one") == lines(tmp_path / "two")


def test_a_checkpoint_of_the_newest_sweep_can_be_resumed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    run = Path("outputs/sweeps/mine/seed=0")
    gan_zoo.train("dataset=ring", *SMALL, "compile=false", "steps=2", folder=run)
    latest_sweep.note(run.parent)
    for steps, sweeps in ((4, "outputs/sweeps"), (6, "~/outputs/sweeps")):
        checkpoint = f"{sweeps}/LATEST/{run.name}/checkpoints/00000002.pt"
        assert gan_zoo.train(f"resume={checkpoint}", f"steps={steps}").summary["steps"] == steps


def test_a_run_resumed_from_an_older_checkpoint_forgets_what_came_later(trained, tmp_path):
    every = ["sample_every=2", "checkpoint_every=2", "evaluate_every=2", "dataset.count=50"]
    words = ["dataset=ring", "batch_size=8", "device=cpu", "evaluation.num_samples=20", *every]
    trained(tmp_path, *words, "steps=6")
    best = checkpoints.read(tmp_path / "checkpoints/best.pt")
    checkpoints.save(
        tmp_path / "checkpoints/best.pt", {**best, "best": {**best["best"], "step": 6}}
    )
    older = tmp_path / "checkpoints/00000004.pt"
    summary = trained(tmp_path, *words, f"resume={older}", "steps=5")
    assert summary["best"]["step"] == 5
    pictures = {path.name for path in (tmp_path / "samples").glob("*.png")}
    assert {"000004.png", "landscape-000004.png"} <= pictures
    assert not {"000006.png", "landscape-000006.png"} & pictures


def test_pictures_of_the_user_stay(tmp_path):
    made = ["000003.png", "1000000.png", "landscape-000003.png", "nearest-1000000.png"]
    kept = ["real.png", "000002.png", "nearest-000002.png", "holiday-2024.png", "3.png"]
    kept += ["cat-000003.png", "00000003.png", "2024-000003.png"]
    (tmp_path / "samples").mkdir()
    for name in (*made, *kept):
        (tmp_path / "samples" / name).touch()
    delete_pictures_after(tmp_path, 2)
    assert {path.name for path in (tmp_path / "samples").iterdir()} == {*kept}


def test_a_run_resumed_from_an_older_checkpoint_is_unfinished_until_its_end(tmp_path):
    words = ["dataset=ring", *SMALL, "checkpoint_every=2", "steps=6"]
    gan_zoo.train(*words, folder=tmp_path)
    resume = [f"resume={tmp_path}/checkpoints/00000004.pt", "allow_changes=true"]
    seen = []

    def watch():
        seen.append(finished_summary(tmp_path, 6))

    with pytest.MonkeyPatch.context() as patch:
        on_end = RunCallbacks.on_end
        patch.setattr(RunCallbacks, "on_end", lambda *given: watch() or on_end(*given))
        gan_zoo.train(*words, *resume, "optimizer.lr=0.01")
    assert seen == [None]
    assert json.loads((tmp_path / "summary.json.1").read_text())["steps"] == 6
    assert finished_summary(tmp_path, 6)
    assert gan_zoo.load(tmp_path).config["optimizer"]["lr"] == 0.01


def test_best_checkpoint_is_not_resumed_for_fewer_steps(trained, tmp_path):
    trained(tmp_path, *SMALL, "steps=3")
    best = tmp_path / "checkpoints/best.pt"
    shutil.copy(tmp_path / "checkpoints/00000003.pt", best)
    with pytest.raises(ConfigError, match="steps=2: the run is at step 3 already"):
        trained(tmp_path, *SMALL, "steps=2", f"resume={best}")


def test_a_damaged_checkpoint_falls_back_to_the_previous(trained, tmp_path, caplog):
    trained(tmp_path / "one", *SMALL, "steps=9", "checkpoint_every=3")
    trained(tmp_path / "two", *SMALL, "steps=6", "checkpoint_every=3")
    newest = checkpoints.latest_path(tmp_path / "two")
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        trained(tmp_path / "two", *SMALL, "steps=9", "checkpoint_every=3")
    assert "00000006.pt: is damaged" in caplog.text
    assert same_state(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize(
    ("best", "remedy"),
    [
        (False, "no older one: delete {}"),
        (True, "no older one: name {}/best.pt instead, or delete {}"),
    ],
)
def test_damaged_checkpoints_say_what_to_do(tmp_path, best, remedy):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("00000003.pt", "00000006.pt", *(["best.pt"] if best else [])):
        (folder / name).write_bytes(b"damaged")
    for read in (
        lambda: checkpoints.latest_valid(folder),
        lambda: checkpoints.load_latest(tmp_path),
    ):
        with pytest.raises(ConfigError, match="00000003.pt: is damaged") as refused:
            read()
        expected = remedy.format(folder, folder) + " to train again from step 0"
        assert str(refused.value).endswith(expected)


@pytest.mark.parametrize("name", ["hydra.yaml", "config.yaml"])
def test_damaged_settings_say_what_to_do(tmp_path, name):
    begun = ["dataset=ring", *SMALL, "compile=false", "hydra.run.dir=run"]
    assert run_script("train.py", *begun, "steps=2", cwd=tmp_path).returncode == 0
    path = tmp_path / "run/.hydra" / name
    path.write_text("{")
    refused = run_script("train.py", "resume=run", "steps=4", cwd=tmp_path)
    remedy, words = "delete it", ["resume=run"]
    if name == "config.yaml":
        remedy += ", and type again the words of the run with resume=auto hydra.run.dir=run, "
        remedy, words = f"{remedy}or those of its sweep", [*begun, "resume=auto"]
    assert refused.stderr.endswith(f"{name}: cannot be read as a configuration: {remedy}\n")
    path.unlink()
    assert run_script("train.py", *words, "steps=4", cwd=tmp_path).returncode == 0
    assert path.exists()


def test_long_names_are_newer_and_files_of_the_user_stay(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    names = ["99999999.pt", "100000000.pt", "00005000-keep.pt", "best.pt"]
    for name in names:
        (folder / name).touch()
    assert checkpoints.latest_path(tmp_path).name == "100000000.pt"
    assert checkpoints.evaluation_name(folder / "100000000.pt") == "evaluation"
    checkpoints.prune(folder, 1)
    assert {path.name for path in folder.iterdir()} == {*names[1:]}
    checkpoints.delete_after(folder, 0)
    assert {path.name for path in folder.iterdir()} == {*names[2:]}


def test_a_finished_run_does_not_change(trained, tmp_path):
    trained(tmp_path, *SMALL, "steps=4")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert trained(tmp_path, *SMALL, "steps=4")["steps"] == 4
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_run_resumed_at_its_end_has_its_speed(trained, tmp_path):
    trained(tmp_path, *SMALL, "steps=4")
    (tmp_path / "summary.json").unlink()
    assert trained(tmp_path, *SMALL, "steps=4")["images_per_second"] > 0


@pytest.mark.parametrize("log_every", [0, 100])
def test_a_run_that_ends_where_it_was_stopped_has_its_numbers(
    composed, trained, tmp_path, log_every
):
    words = ["dataset=ring", *SMALL[:2], "device=cpu", "evaluation.num_samples=20"]
    words += [f"log_every={log_every}", "evaluate_every=100"]
    asked = iter([0] * 6)
    stopped = load_experiment(composed(*words, "steps=200"))
    with pytest.raises(Interrupted):
        train(stopped, tmp_path / "two", stop=lambda: next(asked, signal.SIGTERM))
    assert not lines(tmp_path / "two")
    step = checkpoints.load(checkpoints.latest_path(tmp_path / "two"))["step"]
    one, two = (trained(tmp_path / name, *words, f"steps={step}") for name in ("one", "two"))
    of_steps = ("perf/", "grad_norm/", "loss/margin")  # of the last step, which was made before
    expected = {tag for tag in one["last"] if not tag.startswith(of_steps)}
    assert expected
    assert {tag: two["last"][tag] for tag in expected} == {t: one["last"][t] for t in expected}
    logged = lines(tmp_path / "two")
    assert len(logged) == len(lines(tmp_path / "one")) == 1 + bool(log_every)
    assert (tmp_path / f"two/samples/{step:06d}.png").exists()
    (tmp_path / "two/summary.json").unlink()  # as if it had been killed
    trained(tmp_path / "two", *words, f"steps={step}")
    assert lines(tmp_path / "two") == logged


@pytest.mark.parametrize(("changed", "before"), [(True, [2, 4, 4, 6, 8, 8]), (False, [2, 4, 4, 6])])
def test_lines_of_the_end_stay_if_the_run_made_them_regularly(trained, tmp_path, changed, before):
    words = ["dataset=ring", *SMALL[:2], "device=cpu", "evaluation.num_samples=20"]
    first = 8 if changed else 7
    trained(tmp_path, *words, f"steps={first}", "log_every=2", "evaluate_every=4")
    every = ["log_every=3", "evaluate_every=6"] if changed else ["log_every=2", "evaluate_every=4"]
    trained(tmp_path, *words, "steps=12", *every)
    after = [9, 12, 12] if changed else [8, 8, 10, 12, 12]
    assert [line["step"] for line in lines(tmp_path)] == [*before, *after]


def test_a_finished_run_needs_no_checkpoint(trained, tmp_path):
    trained(tmp_path, *SMALL, "steps=4")
    for path in (tmp_path / "checkpoints").iterdir():
        path.write_bytes(b"damaged")
    assert trained(tmp_path, *SMALL, "steps=4")["steps"] == 4


def test_changed_settings_need_allow_changes(trained, tmp_path):
    trained(tmp_path, *SMALL, "steps=4")
    with pytest.raises(ConfigError, match=r"optimizer.lr=0.1: was 0.001 in the run to resume"):
        trained(tmp_path, *SMALL, "steps=6", "optimizer.lr=0.1")
    assert trained(tmp_path, *SMALL, "steps=6", "log_every=2")["steps"] == 6
    allowed = ["optimizer.lr=0.1", "allow_changes=true"]
    assert trained(tmp_path, *SMALL, "steps=8", *allowed)["steps"] == 8


@pytest.mark.parametrize("loss", ["gan", "wgan"])  # Adam, RMSprop
def test_changed_settings_of_an_optimizer_count(trained, tmp_path, loss):
    words = ["dataset=ring", *SMALL, f"loss={loss}", "recipe=paper", "compile=false"]
    trained(tmp_path, *words, "steps=3", "checkpoint_every=3")
    trained(tmp_path, *words, "steps=6", "optimizer.lr=1e-12", "allow_changes=true")
    before, after = (
        checkpoints.load(tmp_path / f"checkpoints/0000000{step}.pt") for step in (3, 6)
    )
    for name in ("generator", "critic"):
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-9)
        assert after[f"{name}_optimizer"]["param_groups"][0]["lr"] == 1e-12


@pytest.mark.parametrize("first", [False, True])
def test_compile_counts_unless_it_is_auto(trained, tmp_path, monkeypatch, first):
    made = []
    monkeypatch.setattr(
        "gan_zoo.training.trainer.make_runner",
        lambda *parts: made.append("compiled") or StepRunner(*parts[:3]),
    )
    words = ["dataset=ring", *SMALL]
    trained(tmp_path, *words, f"compile={first}", "steps=3")
    for steps, typed, compiled in ((6, "auto", first), (9, not first, not first)):
        made.clear()
        trained(tmp_path, *words, f"compile={typed}", f"steps={steps}", "allow_changes=true")
        assert made == ["compiled"] * compiled
        assert checkpoints.latest_valid(tmp_path / "checkpoints")["compiled"] == compiled


def test_partial_and_later_lines_are_deleted(trained, tmp_path):
    trained(tmp_path / "one", *SMALL, "steps=9")
    trained(tmp_path / "two", *SMALL, "steps=6")
    with (tmp_path / "two" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 9, "loss/critic": 1.0}\nnot json\n{"step": 12, "loss/cri')
    trained(tmp_path / "two", *SMALL, "steps=9")
    assert lines(tmp_path / "one") == lines(tmp_path / "two")


def test_mutated_checkpoints_are_equal_or_refused(trained, tmp_path):
    trained(tmp_path, "dataset=ring", "batch_size=8", "steps=1", "device=cpu", "dataset.count=50")
    valid = checkpoints.latest_path(tmp_path)
    original, rng = valid.read_bytes(), random.Random(0)
    expected = dict(tensors(checkpoints.load(valid)))
    damaged, refused = tmp_path / "damaged.pt", 0
    for _ in range(1000):
        content = bytearray(original)
        if rng.random() < 0.2:
            content = content[: rng.randrange(len(content))]
        else:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        damaged.write_bytes(content)
        try:
            got = dict(tensors(checkpoints.load(damaged)))
        except ConfigError as error:
            assert "damaged.pt" in str(error)
            refused += 1
        else:  # an unused byte
            assert all(torch.equal(got[name], expected[name]) for name in expected)
    assert refused > 900


def test_a_hostile_pickle_is_refused(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "owned"),))

    torch.save({"format": checkpoints.FORMAT, "config": Hostile()}, tmp_path / "hostile.pt")
    with pytest.raises(ConfigError, match="is damaged, or no checkpoint"):
        checkpoints.load(tmp_path / "hostile.pt")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_saves_the_run_and_prints_the_resume_command(tmp_path, number, code):
    words = [*SMALL, "dataset=ring", "steps=2000"]
    folder = tmp_path / "it's lr=1, (ü)"
    process = ScriptProcess("train.py", f"hydra.run.dir={folder}", *words, cwd=tmp_path)
    while not (folder / "metrics.jsonl").exists() or not lines(folder):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == code
    assert errors.strip().splitlines()[-1].startswith(f"error: stopped by {number.name}")
    step = checkpoints.load(checkpoints.latest_path(folder))["step"]
    assert 0 < step < 2000
    command_line = errors.strip().rpartition("; python ")[2].rpartition(" continues from ")[0]
    resumed = subprocess.run(
        f"{shlex.quote(sys.executable)} {command_line} steps={step + 5}",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert resumed.returncode == 0, resumed.stderr
    whole = run_script(
        "train.py", f"hydra.run.dir={tmp_path / 'whole'}", *words[:-1], f"steps={step + 5}"
    )
    assert whole.returncode == 0, whole.stderr
    assert same_state(folder, tmp_path / "whole")
    assert lines(folder) == lines(tmp_path / "whole")


@pytest.mark.slow
def test_killed_runs_and_sweeps_resume_exactly():
    # more of them: python scripts/kill_harness.py --runs 100 --sweeps 20
    words = ["--runs", "3", "--sweeps", "1", "--steps", "150"]
    command = [sys.executable, str(ROOT / "scripts" / "kill_harness.py"), *words]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "run: 3 kills" in ran.stdout
    assert "sweep: 1 kills" in ran.stdout
    assert ran.stdout.count("0 could not be resumed") == 2


def test_a_run_is_not_overwritten(tmp_path):
    words = [f"hydra.run.dir={tmp_path / 'run'}", *SMALL, "steps=2"]
    assert run_script("train.py", *words).returncode == 0
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for changed, message in (
        (words, "resume=auto"),
        ([*words, "resume=auto", "seed=1"], "seed=1: was 0"),
    ):
        again = run_script("train.py", *changed)
        assert again.returncode == 2
        assert message in again.stderr
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_resumed_sweep_runs_only_missing_jobs(tmp_path):
    words = ["-m", "sweep=mine", "seed=0,1", *SMALL, "steps=3"]
    first = run_script("train.py", *words, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    sweep = tmp_path / "outputs" / "sweeps" / "mine"
    summaries = {seed: sweep / f"seed={seed}" / "summary.json" for seed in (0, 1)}
    whole = lines(sweep / "seed=1")
    for path in (sweep / "seed=1").rglob("*"):
        if path.is_file() and ".hydra" not in path.parts:
            path.unlink()
    kept = summaries[0].read_bytes()
    again = run_script("train.py", *["-m", "sweep=resume", *words[2:]], cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("2 jobs: 1 done already, 1 to run")
    logs = [path.read_text() for path in tmp_path.rglob("train.log")]
    assert sum("finished at step 3 already" in text for text in logs) == 1
    assert summaries[0].read_bytes() == kept
    assert lines(sweep / "seed=1") == whole
    assert {path.name for path in sweep.parent.iterdir()} == {"mine", "LATEST"}
    other = run_script("train.py", *words, "batch_size=4", cwd=tmp_path)
    assert other.returncode == 2
    assert "batch_size=4: was 8" in other.stderr


@pytest.mark.parametrize("path", ["nowhere", "nowhere/checkpoints/00000001.pt"])
def test_only_runs_can_be_resumed(tmp_path, path):
    called = run_script("train.py", f"resume={path}", cwd=tmp_path)
    assert called.returncode == 2
    assert f"resume={path}: must be the folder of a run" in called.stderr


def test_a_resumed_run_keeps_its_loss(tmp_path):
    ring = ["dataset=ring", "dataset.count=50", "batch_size=8", "device=cpu", "evaluate_every=0"]
    words = [*ring, "loss=glsgan", "architecture=mlp_points", "hydra.run.dir=run"]
    assert run_script("train.py", *words, "steps=2", cwd=tmp_path).returncode == 0
    refused = run_script("train.py", "resume=run", "steps=4", "loss.slope=0.5", cwd=tmp_path)
    assert refused.stderr.strip().startswith("error: loss.slope=0.5: was 0")
    called = run_script(
        "train.py", "resume=run", "steps=4", "loss.slope=0.5", "allow_changes=true", cwd=tmp_path
    )
    assert called.returncode == 0, called.stderr
    config = checkpoints.load(checkpoints.latest_path(tmp_path / "run"))["config"]
    assert (config["loss"]["slope"], config["steps"]) == (0.5, 4)
    assert config["loss"]["_target_"].endswith("GeneralizedLossSensitive")
    other = run_script("train.py", "resume=run", "loss=gan", cwd=tmp_path)
    message = "error: loss=gan: was glsgan in the run to resume, and cannot change"
    assert other.stderr.strip() == message
    (tmp_path / "run/.hydra/hydra.yaml").write_bytes(b"\xff: [")
    other = run_script("train.py", "resume=run", "loss=gan", cwd=tmp_path)
    assert other.stderr.strip() == "error: loss=gan: is no setting of the run to resume"


def test_part_of_a_resumed_regularizer_can_change(tmp_path):
    part = "+regularizer@regularizer.parts.r1=r1"
    words = ["dataset=ring", *SMALL, "compile=false", "regularizer=combined", part]
    gan_zoo.train(*words, "steps=2", folder=tmp_path)
    changed = [f"resume={tmp_path}", "steps=4", "regularizer.parts.r1.weight=3"]
    with pytest.raises(ConfigError, match=r"^regularizer.parts.r1.weight=3: was 10.0 in the run"):
        gan_zoo.train(*changed)
    run = gan_zoo.train(*changed, "allow_changes=true")
    assert run.config["regularizer"]["parts"]["r1"]["weight"] == 3
    assert gan_zoo.train(f"resume={tmp_path}", part, "steps=6").summary["steps"] == 6
    message = "^regularizer@regularizer.parts.r1=dragan: was r1 in the run to resume, and cannot"
    with pytest.raises(ConfigError, match=message):
        gan_zoo.train(f"resume={tmp_path}", part.replace("=r1", "=dragan"))


def test_changes_are_allowed_for_one_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("x.npz", x=np.zeros((30, 8, 8), np.uint8))
    words = ["dataset=npz", "dataset.root=x.npz", "batch_size=8", "device=cpu", "evaluate_every=0"]
    gan_zoo.train(*words, "compile=false", "steps=2", folder="run")
    gan_zoo.train("resume=run", "steps=4", "optimizer.lr=0.1", "allow_changes=true")
    gan_zoo.train("resume=run", "steps=6")
    with pytest.raises(ConfigError, match=r"^optimizer.lr=0.5: was 0.1 in the run to resume"):
        gan_zoo.train("resume=run", "steps=8", "optimizer.lr=0.5")
    np.savez("x.npz", x=np.full((30, 8, 8), 9, np.uint8))
    with pytest.raises(ConfigError, match=r"^dataset.root=x.npz: contains other data"):
        gan_zoo.train("resume=run", "steps=8")


@pytest.mark.parametrize("devices", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_refused_resume_leaves_the_settings_of_the_run(tmp_path, devices):
    words = ["dataset=ring", *SMALL, "compile=false"]
    gan_zoo.train(*words, "steps=2", folder=tmp_path)
    write_failure(tmp_path, "a reason")
    before = {path: path.read_bytes() for path in tmp_path.glob(".hydra/*")}
    changed = ["allow_changes=true", "architecture.generator.hidden=[64]", f"devices={devices}"]
    with pytest.raises(ConfigError, match="the state of step 2 does not fit the settings"):
        gan_zoo.train(f"resume={tmp_path}", "steps=6", *changed)
    assert {path: path.read_bytes() for path in tmp_path.glob(".hydra/*")} == before
    assert read_failure(tmp_path) == "a reason"
    assert gan_zoo.train(f"resume={tmp_path}", "steps=6").summary["steps"] == 6
    assert read_failure(tmp_path) == ""


def test_finished_run_names_fewer_steps(trained, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    words = [tmp_path / "run", *SMALL]
    for steps, message in (
        (3, "finished at step 3 already: "),
        (2, "finished at step 3 already; steps=2 is less: "),
    ):
        trained(*words, "steps=3")
        caplog.clear()
        trained(*words, f"steps={steps}")
        assert caplog.messages == [f"{message}{tmp_path / 'run'}"]


def test_resumed_run_accepts_its_own_choice(tmp_path):
    words = ["dataset=ring", "dataset.count=50", "batch_size=8", "device=cpu", "evaluate_every=0"]
    run_script("train.py", *words, "hydra.run.dir=run", "steps=2", cwd=tmp_path)
    for word in ("loss=gan", "dataset=ring"):
        ran = run_script("train.py", "resume=run", word, cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr


def test_resumed_run_stays_in_its_folder(tmp_path):
    words = ["dataset=ring", "dataset.count=50", "batch_size=8", "device=cpu", "evaluate_every=0"]
    run_script("train.py", *words, "hydra.run.dir=run", "steps=2", cwd=tmp_path)
    more = ["resume=run/checkpoints/00000002.pt", "steps=4"]
    refused = run_script("train.py", *more, "hydra.run.dir=new", cwd=tmp_path)
    message = "resume=run/checkpoints/00000002.pt trains in run: omit one of them"
    assert refused.stderr == f"error: hydra.run.dir=new: {message}\n"
    assert refused.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    ran = run_script("train.py", *more, f"hydra.run.dir={tmp_path}/run", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr


def test_resumed_copy_leaves_the_original_unchanged(tmp_path):
    words = ["dataset=ring", "dataset.count=50", "batch_size=8", "device=cpu", "evaluate_every=0"]
    run_script("train.py", *words, "hydra.run.dir=run", "steps=2", cwd=tmp_path)
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    ran = run_script("train.py", "resume=copy", "steps=4", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before
    assert json.loads((tmp_path / "copy/summary.json").read_text())["steps"] == 4


def test_sweep_is_no_run_to_resume(tmp_path):
    for place in ("outputs/sweeps/a b", "elsewhere"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "multirun.yaml").touch()
    known = run_script("train.py", "resume=outputs/sweeps/a b", cwd=tmp_path)
    start = "error: resume=outputs/sweeps/a b: must be the folder of a run; this is a sweep: "
    assert known.stderr.startswith(start)
    assert known.stderr.endswith("train.py 'sweep=a b' resumes it\n")
    other = run_script("train.py", "resume=elsewhere", cwd=tmp_path)
    assert "this is a sweep: choose one of its runs, or sweep=NAME" in other.stderr
    assert (known.returncode, other.returncode) == (2, 2)


def test_only_known_choices_are_read_from_a_run(tmp_path):
    folder = tmp_path / "run"
    (folder / ".hydra").mkdir(parents=True)
    part = "+regularizer@regularizer.parts.r1=r1"
    hostile = ["+loss@hydra.job_logging=gan", "+loss@_global_=gan", "loss@loss.x=../../x"]
    hostile += ["hydra/launcher=joblib", "loss=../../x", "hydra.run.dir=/tmp/x", "steps=5", "[]"]
    overrides = folder / ".hydra" / "overrides.yaml"
    overrides.write_text(
        json.dumps(["loss=wgan", "loss/divergence=kl", part, "dataset=nowhere", *hostile])
    )
    words = [f"resume={folder}", "steps=9"]
    assert add_saved_choices(words) == ["loss=wgan", "loss/divergence=kl", part, *words]
    checkpoint = [f"resume={folder}/checkpoints/00000002.pt", "loss=gan"]
    assert add_saved_choices(checkpoint) == ["loss/divergence=kl", part, *checkpoint]
    assert add_saved_choices(["-m", *words]) == ["-m", *words]
    overrides.write_bytes(b"\xff: [")
    assert add_saved_choices(words) == words


def test_a_run_without_a_checkpoint_starts_again(trained, tmp_path, caplog):
    words = [*SMALL, "dataset=ring"]
    trained(tmp_path, *words, "steps=6")
    checkpoints.latest_path(tmp_path).unlink()
    (tmp_path / "summary.json").unlink()
    before = (tmp_path / "metrics.jsonl").read_bytes()
    assert resume_hint(tmp_path).endswith("starts again: it has no checkpoint")
    trained(tmp_path, *words, "steps=9")
    assert "has no checkpoint: starting from step 0; old files are kept as" in caplog.text
    assert (tmp_path / "metrics.jsonl.1").read_bytes() == before
    assert [line["step"] for line in lines(tmp_path)] == [3, 6, 9]
    assert resume_hint(tmp_path).endswith("continues from step 9")


def test_changed_data_is_refused_or_in_the_summary(trained, tmp_path):
    words = ["dataset=npz", f"dataset.root={tmp_path}/x.npz", "batch_size=8", "device=cpu"]
    np.savez(tmp_path / "x.npz", x=np.zeros((30, 8, 8), np.uint8))
    first = trained(tmp_path / "run", *words, "steps=2")
    assert "dataset_history" not in first
    np.savez(tmp_path / "x.npz", x=np.full((30, 8, 8), 9, np.uint8))
    with pytest.raises(
        ConfigError, match=r"dataset.root=.*x.npz: contains other data .*; allow_cha"
    ):
        trained(tmp_path / "run", *words, "steps=4")
    trained(tmp_path / "run", *words, "steps=4", "allow_changes=true")
    summary = trained(tmp_path / "run", *words, "steps=6")
    assert summary["dataset_history"] == [
        {"fingerprint": first["dataset_fingerprint"], "from_step": 0},
        {"fingerprint": summary["dataset_fingerprint"], "from_step": 2},
    ]
    assert first["dataset_fingerprint"] != summary["dataset_fingerprint"]


def data_of(kind, root, value):
    """Write a dataset whose pixels have a value below a new folder, and return its root."""
    root.mkdir()
    if kind == "npz":
        np.savez(root / "x.npz", x=np.full((30, 8, 8), value, np.uint8))
        return root / "x.npz"
    if kind == "hwdb":
        record = struct.pack("<I2sHH", 10 + 64, b"\xb0\xa1", 8, 8)
        pixels = bytes([255 - value]) * 64
        for writer in range(4):
            (root / f"{writer}.gnt").write_bytes((record + pixels) * 10)
        return root
    for i in range(30):
        Image.new("L", (8, 8), value).save(root / f"{i}.png")
    return root


@pytest.mark.parametrize("kind", ["image_folder", "npz", "hwdb"])
def test_moved_data_is_accepted_and_other_data_refused(tmp_path, monkeypatch, kind):
    data_of(kind, tmp_path / "mine", 100)
    monkeypatch.chdir(tmp_path)
    root = "mine/x.npz" if kind == "npz" else "mine"
    words = [f"dataset={kind}", f"dataset.root={root}", "batch_size=4", "device=cpu"]
    words += ["evaluate_every=0", "compile=false"]
    if kind != "npz":
        words += ["dataset.size=8", "dataset.channels=1", f"dataset.cache={tmp_path / 'cache'}"]
    gan_zoo.train(*words, "steps=2", folder="run")
    saved = (tmp_path / "run/.hydra/config.yaml").read_bytes()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    gone = "does not exist here; type dataset.root=PATH, where the data of the run is now"
    with pytest.raises(ConfigError, match=f"^dataset.root={root}: {gone}"):
        gan_zoo.train("resume=../run", "steps=4")
    other = data_of(kind, tmp_path / "other", 200)
    moved = f"dataset.root=../{root}"
    for steps in (4, 2):  # the run has made two, and would only be found finished
        with pytest.raises(ConfigError, match=f"^dataset.root={other}: contains other data"):
            gan_zoo.train("resume=../run", f"dataset.root={other}", f"steps={steps}")
        with pytest.raises(ConfigError, match=f"^dataset.root={other}: contains other data"):
            gan_zoo.train(*words, f"dataset.root={other}", f"steps={steps}", folder="../run")
        assert (tmp_path / "run/.hydra/config.yaml").read_bytes() == saved
        gan_zoo.train("resume=../run", moved, "steps=2")
    gan_zoo.train("resume=../run", moved, "steps=4")
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert (summary["steps"], "dataset_history" in summary) == (4, False)
    assert gan_zoo.load("../run").config["dataset"]["root"] == f"../{root}"


def test_the_last_of_repeated_overrides_counts():
    words = ["steps=4", "+a.b=1", "loss=gan", "steps=8", "a.b=2", "allow_changes=true", "steps=9"]
    assert reproduce_command(words) == "python train.py steps=9 +a.b=2 loss=gan"


def test_fewer_steps_than_a_run_has_made_are_refused(tmp_path):
    words = ["dataset=ring", "dataset.count=50", "batch_size=8", "device=cpu", "evaluate_every=0"]
    run_script("train.py", *words, "hydra.run.dir=run", "steps=4", cwd=tmp_path)
    (tmp_path / "run/summary.json").unlink()  # as if it had been stopped
    config = (tmp_path / "run/.hydra/config.yaml").read_text()
    ran = run_script("train.py", "resume=run", "steps=3", cwd=tmp_path)
    assert ran.stderr == "error: steps=3: the run is at step 4 already: give at least that\n"
    assert (tmp_path / "run/.hydra/config.yaml").read_text() == config


def test_a_sweep_does_not_resume_one_run(tmp_path):
    words = ["dataset=ring", "dataset.count=50", "batch_size=8", "device=cpu", "evaluate_every=0"]
    run_script("train.py", *words, "hydra.run.dir=run", "steps=2", cwd=tmp_path)
    for given in ("resume=run", "resume=run,run/checkpoints/00000002.pt"):
        ran = run_script("train.py", "-m", given, "seed=0,1", "steps=4", cwd=tmp_path)
        assert ran.returncode == 2
        assert ran.stderr.startswith("error: resume=run: resumes one run: omit -m")
    assert not (tmp_path / "outputs").exists()


def test_evaluation_is_set_aside_once_a_run_is_trained_further(trained, tmp_path):
    words = [tmp_path / "run", "dataset=ring", "dataset.count=50", "batch_size=8", "device=cpu"]
    trained(*words, "steps=4")
    path = tmp_path / "run/evaluation.json"
    path.write_text('{"step": 4, "metrics": {"modes": 8}}')
    trained(*words, "steps=4")
    assert path.exists()
    trained(*words, "steps=6")
    assert not path.exists()
    assert json.loads((tmp_path / "run/evaluation.json.1").read_text())["step"] == 4
    path.write_text('{"step": 6, "metrics": {"modes": 8}}')
    shutil.rmtree(tmp_path / "run/checkpoints")
    (tmp_path / "run/summary.json").unlink()
    trained(*words, "steps=6")  # from step 0
    assert not path.exists()
    assert (tmp_path / "run/evaluation.json.2").exists()


RING = ["dataset=ring", "dataset.count=50", "batch_size=8", "device=cpu", "evaluate_every=0"]


def test_runs_of_a_sweep_that_are_trained_again_under_another_name_are_named(tmp_path):
    words = ["-m", "loss=gan,wgan", *RING, "steps=2", "sweep=mine"]
    assert run_script("train.py", *words, cwd=tmp_path).returncode == 0
    again = run_script("train.py", *words, "seed=0,1", cwd=tmp_path)
    line = "trained already, and trained again under another name: loss=gan as loss=gan,seed=0; "
    assert f"{line}loss=wgan as loss=wgan,seed=0\n" in again.stdout
    more = run_script("train.py", *words, "seed=0,1,2", cwd=tmp_path)
    assert "4 done already" in more.stdout
    assert "trained already" not in more.stdout


def test_nested_runs_that_are_trained_again_under_another_name_are_named(tmp_path):
    words = ["-m", "loss=f_gan", "loss/divergence=kl,gan", *RING, "steps=2", "sweep=mine"]
    assert run_script("train.py", *words, cwd=tmp_path).returncode == 0
    again = run_script("train.py", *words, "seed=0,1", cwd=tmp_path)
    line = "trained already, and trained again under another name: "
    line += "loss/divergence=gan as loss/divergence=gan,seed=0; "
    assert f"{line}loss/divergence=kl as loss/divergence=kl,seed=0\n" in again.stdout


def test_finished_jobs_with_other_settings_are_named(tmp_path):
    words = ["-m", "seed=0,1", *RING, "steps=2", "sweep=mine"]
    assert run_script("train.py", *words, cwd=tmp_path).returncode == 0
    changed = ["sweep=mine", "batch_size=16", "allow_changes=true"]
    again = run_script("train.py", *changed, cwd=tmp_path)
    line = (
        "finished with other values, and stay as they are: seed=0 (batch_size); seed=1 (batch_size)"
    )
    assert f"{line}\n" in again.stdout
    assert "other values" not in run_script("train.py", "sweep=mine", cwd=tmp_path).stdout


def test_the_last_word_of_a_key_names_the_jobs(tmp_path):
    ran = run_script("train.py", "-m", *RING, "steps=2", "seed=7", "seed=0,1", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "seed=7" not in ran.stdout
    folders = (tmp_path / "outputs/sweeps").glob("*/seed=*")
    assert sorted(path.name for path in folders) == ["seed=0", "seed=1"]
