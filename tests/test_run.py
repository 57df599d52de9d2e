"""Runs from end to end: every choice of every group, files of a run, repeatability."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_zoo import checkpoints
from gan_zoo.build_trainer import build_trainer, load_samples
from gan_zoo.data.npz import Npz
from gan_zoo.experiment import load_experiment
from gan_zoo.monitoring.console import plain
from gan_zoo.monitoring.header import run_header
from gan_zoo.monitoring.logger import RunLogger
from gan_zoo.report.sample_sheets import tiles

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SMALL = ["dataset.count=200", "batch_size=8", "steps=2", "log_every=1", "device=cpu"]
SMALL += ["evaluate_every=0"]


def choices(group):
    return sorted(path.stem for path in (ROOT / "configs" / group).glob("*.yaml"))


def values(folder):
    """The lines of metrics.jsonl without timings."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("perf/")} for line in lines]


@pytest.mark.parametrize("loss", choices("loss"))
def test_every_loss_trains_with_its_recipe(trained, tmp_path, loss):
    trained(tmp_path, f"loss={loss}", *SMALL)
    lines = values(tmp_path)
    assert [line["step"] for line in lines] == [1, 2]
    assert all(np.isfinite(line[f"loss/{p}"]) for line in lines for p in ("critic", "generator"))


@pytest.mark.parametrize("divergence", choices("loss/divergence"))
def test_every_divergence_trains(trained, tmp_path, divergence):
    trained(tmp_path, "loss=f_gan", f"loss/divergence={divergence}", *SMALL)
    assert np.isfinite(values(tmp_path)[-1]["loss/critic"])


@pytest.mark.parametrize("regularizer", choices("regularizer"))
def test_every_regularizer_trains(trained, tmp_path, regularizer):
    trained(tmp_path, "loss=wgan", f"regularizer={regularizer}", *SMALL)
    assert np.isfinite(values(tmp_path)[-1]["penalty/critic"])


@pytest.mark.parametrize("optimizer", choices("optimizer"))
def test_every_optimizer_trains(trained, tmp_path, optimizer):
    trained(tmp_path, f"optimizer={optimizer}", "optimizer.critic.lr=0.001", *SMALL)
    assert values(tmp_path)[-1]["grad_norm/critic"] > 0


def test_regularizers_can_be_combined_on_the_command_line(trained, tmp_path):
    parts = [f"+regularizer@regularizer.parts.{r}={r}" for r in ("r1", "weight_clip")]
    trained(tmp_path, "regularizer=combined", *parts, *SMALL)
    assert values(tmp_path)[-1]["penalty/critic"] > 0
    critic = checkpoints.load(checkpoints.latest_path(tmp_path))["critic"]
    assert max(weight.abs().max().item() for weight in critic.values()) <= 0.01


def test_a_run_writes_curves_images_metrics_and_summary(trained, tmp_path):
    overrides = ["loss=ls_gan", "steps=4", "log_every=2", "sample_every=3", "checkpoint_every=3"]
    trained(tmp_path, *SMALL, *overrides)
    events = EventAccumulator(str(tmp_path)).Reload()
    scalars = set(events.Tags()["scalars"])
    assert scalars >= {
        *("loss/critic", "loss/generator", "score/real", "score/fake", "penalty/critic"),
        *("grad_norm/critic", "grad_norm/generator", "margin/mean", "margin/violated"),
        *("perf/images_per_second", "perf/steps_per_second", "progress/images_seen"),
    }
    assert [event.step for event in events.Scalars("loss/critic")] == [2, 4]
    assert set(events.Tags()["images"]) == {"samples/fixed", "samples/real"}
    assert [image.step for image in events.Images("samples/fixed")] == [0, 3, 4]
    text = events.Tensors("config")[0].tensor_proto.string_val[0].decode()
    assert "| `loss.margin_scale` | `2.4576` |" in text
    pictures = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert pictures == ["000000.png", "000003.png", "000004.png", "real.png"]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["steps"] == 4
    assert summary["images_seen"] == 32
    assert summary["last"]["loss/critic"] == values(tmp_path)[-1]["loss/critic"]
    assert summary["versions"]["torch"] == torch.__version__.partition("+")[0]
    written = {name for line in values(tmp_path) for name in line}
    assert written == {"step", *(s for s in scalars if not s.startswith("perf/"))}


NEVER = ["log_every=0", "sample_every=0", "checkpoint_every=0", "evaluate_every=0"]


def test_a_period_of_0_disables_an_action(trained, tmp_path, caplog):
    caplog.set_level("INFO")
    small = ["dataset=ring", "batch_size=8", "device=cpu", "steps=4"]
    summary = trained(tmp_path / "never", *small, *NEVER)
    assert (tmp_path / "never" / "metrics.jsonl").read_text() == ""
    assert not list((tmp_path / "never" / "samples").iterdir())
    assert [path.stem for path in (tmp_path / "never/checkpoints").iterdir()] == ["00000004"]
    assert summary["health"]
    trained(tmp_path / "often", *small, "log_every=4", "evaluate_every=0")
    (line,) = values(tmp_path / "often")
    same = [name for name in line if name.startswith(("loss/", "grad_norm/", "score/"))]
    assert {n: summary["last"][n] for n in same} == {n: line[n] for n in same}
    assert "warmup" not in caplog.text


def test_last_values_without_a_log_are_not_means_over_the_whole_run(trained, tmp_path):
    small = ["dataset=ring", "batch_size=8", "device=cpu", "steps=120", *NEVER[1:]]
    last = [
        trained(tmp_path / str(every), *small, f"log_every={every}")["last"] for every in (0, 100)
    ]
    losses = [{tag: values[tag] for tag in values if "loss/" in tag} for values in last]
    assert losses[0] == losses[1] != {}


@pytest.mark.parametrize("setting", NEVER)
def test_each_action_can_be_disabled_alone(trained, tmp_path, setting):
    small = ["dataset=ring", "batch_size=8", "device=cpu", "steps=4", "evaluation.num_samples=50"]
    each = [f"{name}_every=2" for name in ("log", "sample", "checkpoint", "evaluate")]
    trained(tmp_path, *small, *each, setting)
    lines = values(tmp_path)
    steps = [line["step"] for line in lines if "loss/critic" in line]
    assert steps == ([] if setting == "log_every=0" else [2, 4])
    measured = [line["step"] for line in lines if any(key.startswith("metric/") for key in line)]
    assert measured == ([] if setting == "evaluate_every=0" else [2, 4])
    pictures = {path.stem for path in (tmp_path / "samples").iterdir()}
    assert ("000002" in pictures) == ("000000" in pictures) == (setting != "sample_every=0")
    assert (tmp_path / "checkpoints" / "00000004.pt").exists()


def test_the_header_names_a_warmup_if_any(composed):
    parts = load_experiment(composed("dataset=ring", "warmup.every=5"))
    assert "warmup       schedule.CriticWarmup(" in run_header(parts, *parts.networks((2,), 1))
    parts = load_experiment(composed("dataset=ring"))
    assert "warmup" not in run_header(parts, *parts.networks((2,), 1))


def test_checkpoints_are_complete_and_plain(trained, tmp_path, composed):
    trained(tmp_path, *SMALL, "steps=7", "checkpoint_every=2", "n_critic=2")
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["00000006.pt", "00000007.pt"]
    content = checkpoints.load(tmp_path / "checkpoints" / kept[-1])  # loads with weights_only
    assert content["step"] == 7
    assert content["loader_position"] == 7 * 2 * 8
    expected = composed(*SMALL, "steps=7", "checkpoint_every=2", "n_critic=2")
    named_by_time = {"sweep": content["config"]["sweep"]}
    assert content["config"] == expected | named_by_time
    assert {"generator", "critic", "ema", "generator_optimizer", "latent_rng"} <= set(content)


def test_runs_repeat_by_seed(trained, tmp_path):
    overrides = [*SMALL, "loss=wgan", "regularizer=gradient_penalty", "steps=5"]
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        torch.manual_seed(hash(name))  # earlier runs in this process must not matter
        trained(tmp_path / name, *overrides, f"seed={seed}")
    assert values(tmp_path / "one") == values(tmp_path / "two")
    assert values(tmp_path / "one") != values(tmp_path / "other")


def test_losses_share_weights_latents_and_data_order(composed):
    seen = []
    for loss in ("gan", "wgan", "relativistic"):
        experiment = load_experiment(composed(f"loss={loss}", *SMALL))
        trainer = build_trainer(experiment, load_samples(experiment))
        trainer.train_steps()  # penalties use other random numbers
        experiment = load_experiment(composed(f"loss={loss}", *SMALL))
        fresh = build_trainer(experiment, load_samples(experiment))
        weights = torch.cat([p.flatten() for p in fresh.gan.generator.parameters()])
        seen.append((weights, fresh.noise.of_critic().z, fresh.loader.next()[0]))
    for other in seen[1:]:
        assert all(torch.equal(a, b) for a, b in zip(seen[0], other, strict=True))


def test_sample_grids_have_rows_per_class(trained, tmp_path):
    trained(tmp_path, *SMALL, "conditional=true", "dataset.count=400")
    real = np.asarray(Image.open(tmp_path / "samples" / "real.png"))
    assert real[:, -(6 * 30 + 2) :].shape == (10 * 30 + 2, 6 * 30 + 2, 3)
    assert real.shape[1] > 6 * 30 + 2  # names of the classes on the left
    assert [tile.shape for tile in tiles(tmp_path / "samples/real.png")] == [(28, 28, 3)] * 60


@pytest.mark.parametrize("dataset", ["ring", "grid"])
def test_mixtures_train_and_plot_points_over_modes(trained, tmp_path, dataset):
    trained(tmp_path, f"dataset={dataset}", *SMALL, "dataset.count=1000")
    picture = np.asarray(Image.open(tmp_path / "samples" / "000002.png"))
    assert picture.shape == (512, 512, 3)
    blue = (picture[..., 2].astype(int) - picture[..., 0] > 60).sum()
    red = (picture[..., 0].astype(int) - picture[..., 2] > 60).sum()
    assert blue > 20
    assert red > 200


@pytest.mark.skipif(not (DATA / "MNIST").exists(), reason="needs the MNIST files")
def test_real_mnist_trains(trained, tmp_path):
    overrides = ["dataset=mnist", f"dataset.root={DATA}", "loss=glsgan", "loss.slope=0"]
    summary = trained(tmp_path, *overrides, "steps=3", "log_every=1", "device=cpu")
    assert summary["images_seen"] == 3 * 64
    assert np.isfinite(values(tmp_path)[-1]["loss/critic"])


def test_the_fingerprint_is_independent_of_labels(trained, tmp_path):
    small = [
        *SMALL,
        "dataset=ring",
        "dataset.count=300",
        "evaluate_every=2",
        "evaluation.num_samples=20",
    ]
    points = trained(tmp_path / "points", *small)
    protocols = points["protocol"].values()
    assert {p["dataset_fingerprint"] for p in protocols} == {points["dataset_fingerprint"]}
    references = {p["reference_fingerprint"] for p in protocols if p["reference"] == "test"}
    assert len(references) == 1
    assert references != {points["dataset_fingerprint"]}
    few_labels = ["loss=cls_gan", "dataset.labels_per_class=2", "loss.margin_scale=0.001"]
    found = set()
    for name, words in (("no", []), ("all", ["conditional=true"]), ("some", few_labels)):
        summary = trained(tmp_path / name, *SMALL, *words)
        content = checkpoints.load(checkpoints.latest_path(tmp_path / name))
        found |= {summary["dataset_fingerprint"], content["dataset_fingerprint"]}
    assert len(found) == 1


def test_header_summary_and_checkpoint_name_classes_and_splits(
    trained, tmp_path, caplog, monkeypatch
):
    caplog.set_level("INFO")
    images = {
        "x": np.zeros((40, 8, 8), np.uint8) + 200,
        "y": np.array(["cat", "dog"])[:1].repeat(40),
    }
    images["y"][30:] = "dog"
    np.savez(tmp_path / "pets.npz", **images)
    words = ["dataset=npz", f"dataset.root={tmp_path / 'pets.npz'}", "dataset.test_share=0"]
    excluded = {"not readable": 3}
    load = Npz.load
    monkeypatch.setattr(Npz, "load", lambda *_: replace(load(*_), excluded=excluded))
    for conditional, names in (("true", ("cat", "dog")), ("false", ())):
        folder = tmp_path / conditional
        words += ["batch_size=8", "steps=1", "device=cpu", "evaluate_every=0"]
        summary = trained(folder, *words, f"conditional={conditional}")
        assert json.loads((folder / "summary.json").read_text()) == summary
        assert summary["classes"] == {"cat": 30, "dog": 10}
        assert summary["split_from"] == "test_share=0 of x, by a hash of each index"
        assert summary["excluded"] == excluded
        assert checkpoints.load(checkpoints.latest_path(folder))["class_names"] == names
    for line in ("classes      2: cat (30), dog (10)", "split        test_share=0", "(3)"):
        assert caplog.text.count(line) == 2


def test_names_that_are_not_utf_8_survive_the_summary(tmp_path):
    run_logger = RunLogger(tmp_path, 1)
    run_logger.summary({"classes": {"caf\udce9": 3}})
    read_again = json.loads((tmp_path / "summary.json").read_text())
    assert read_again["classes"] == {"caf\udce9": 3}


def test_full_disk_keeps_the_old_summary(tmp_path, monkeypatch):
    run_logger = RunLogger(tmp_path, 1)
    run_logger.summary({"health": "healthy"})
    before = (tmp_path / "summary.json").read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run_logger.summary({"health": "collapsed"})
    assert (tmp_path / "summary.json").read_text() == before
    assert not list(tmp_path.glob("*.partial"))


def test_header_shows_changed_settings_in_bold(composed):
    parts = load_experiment(composed("dataset=ring", "loss=wgan", "recipe=paper", "seed=1"))
    networks = parts.networks((2,), 1)
    text = run_header(parts, *networks, {"seed", "loss._target_", "optimizer.critic.lr"})
    for shown in ("losses.Wasserstein", "seed=1", "lr=5e-05"):
        assert text.count(f"\x1b[1m{shown}\x1b[0m") == 1
    assert text.count("\x1b") == 6
    assert plain(text) == run_header(parts, *networks)
