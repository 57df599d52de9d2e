"""Incompatible choices are caught before data, a folder or a first job exists."""

import numpy as np
import pytest
import torch

from forked_scripts import run_script
from gan_zoo.build_trainer import build_trainer, load_samples
from gan_zoo.compatibility import check_compatibility
from gan_zoo.experiment import load_experiment
from gan_zoo.run import train
from gan_zoo.schema import ConfigError

DCGAN = "{}: dcgan needs square images with a side of 4, 5, 6 or 7 times 2, 4, 8, ...; nearest: 24"
RULES = [
    (["architecture=dcgan", "regularizer=gradient_penalty"], "architecture.critic.norm=batch"),
    (["architecture=dcgan", "dataset.size=27"], DCGAN.format("dataset.size=27")),
    (["dataset=ring", "architecture=vgg"], "architecture.generator.shape=2"),
    (["dataset=ring", "conditional=true"], "conditional=True: needs a dataset with labels"),
    (["loss=cls_gan", "conditional=false"], "architecture.critic.output=log_softmax"),
    (
        ["loss=cls_gan", "architecture.critic.labels=one_hot"],
        "architecture.critic.output=log_softmax: needs a score for each of several classes: "
        "architecture.critic.labels=heads",
    ),
    (
        ["loss=cls_gan", "architecture.critic.output=linear", "dataset.labels_per_class=10"],
        "architecture.critic.output=linear: must be log_softmax with dataset.labels_per_class",
    ),
    (["architecture.critic.norm=batch", "batch_size=1"], "batch_size=1: the networks cannot take"),
    (["batch_size=30000"], "batch_size=30000: must be at most 20000"),
    (["architecture.critic.hidden=[3000000,3000000]"], "architecture.critic=9,0"),
]


@pytest.mark.parametrize(("overrides", "message"), RULES)
def test_incompatible_choices_are_refused_without_data(composed, overrides, message):
    before = torch.get_rng_state()
    with pytest.raises(ConfigError) as caught:
        check_compatibility(load_experiment(composed(*overrides)))
    assert str(caught.value).startswith(message)
    assert torch.equal(torch.get_rng_state(), before)


GUESSED = ["loss=cls_gan", "recipe=paper", "dataset.labels_per_class=5", "batch_size=8"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [*GUESSED, "loss.margin_scale=0.1", "architecture.critic.output=linear"],
            "architecture.critic.output=linear: must be log_softmax with dataset.labels_per_class",
        ),
        (
            ["architecture.critic.norm=batch", "regularizer=none", "batch_size=1"],
            "batch_size=1: the networks cannot take",
        ),
    ],
    ids=["labels", "batch"],
)
def test_incompatible_choices_are_refused_with_data_of_unknown_shape(
    composed, tmp_path, words, message
):
    pixels = np.random.default_rng(0).integers(0, 255, (200, 8, 8), np.uint8)
    np.savez(tmp_path / "n.npz", x=pixels, y=np.arange(200) % 4)
    data = ["dataset=npz", f"dataset.root={tmp_path}/n.npz", "evaluate_every=0", "device=cpu"]
    experiment = load_experiment(composed(*data, *words))
    check_compatibility(experiment)
    with pytest.raises(ConfigError) as caught:
        train(experiment, tmp_path / "run")
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "run").exists()


def test_networks_that_cannot_have_the_size_of_a_file_name_the_file(composed, tmp_path):
    file = tmp_path / "n.npz"
    np.savez(file, x=np.zeros((20, 27, 27), np.uint8))
    words = ["dataset=npz", f"dataset.root={file}", "batch_size=8", "device=cpu"]
    experiment = load_experiment(composed(*words, "architecture=dcgan"))
    with pytest.raises(ConfigError) as caught:
        train(experiment, tmp_path / "run")
    key, _, allowed = DCGAN.format(f"dataset.root={file}").partition(": ")
    assert str(caught.value).startswith(f"{key}: its images are 1x27x27; {allowed}")


@pytest.mark.parametrize("dataset", ["ring", "grid", "spiral", "glyphs"])
def test_spec_equals_loaded_data(composed, dataset):
    data = load_experiment(composed(f"dataset={dataset}", "dataset.count=50")).dataset
    samples = data.load("train")
    assert data.spec() == (samples.shape, samples.num_classes, len(samples))


@pytest.mark.parametrize(
    ("words", "warned"),
    [
        (["loss=hinge", "architecture=dcgan"], True),
        (["loss=hinge", "architecture=dcgan", "architecture.critic.norm=none"], False),
        (["loss=lsgan", "architecture=dcgan"], False),
        (["loss=hinge", "architecture=mlp"], False),
    ],
    ids=str,
)
def test_spectral_norm_before_batch_norm_is_warned_of(composed, caplog, words, warned):
    small = ["dataset.count=64", "device=cpu", *words]
    experiment = load_experiment(composed(*small))
    build_trainer(experiment, load_samples(experiment))
    assert ("try architecture.critic.norm=none" in caplog.text) == warned


def test_sweep_with_incompatible_job_does_not_start(tmp_path):
    overrides = ["-m", "architecture=mlp,dcgan", "loss=wgan", "regularizer=r1", "sweep=mine"]
    called = run_script("train.py", *overrides, cwd=tmp_path)
    assert called.returncode == 2
    (line,) = called.stderr.strip().splitlines()
    assert line.startswith("error: architecture.critic.norm=batch: a gradient penalty needs")
    assert not list(tmp_path.iterdir())
