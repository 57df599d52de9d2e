"""Recipes: regularizer, optimizer and n_critic that a loss brings, and those of its paper."""

import json

import pytest

ADAM = {"lr": 0.0002, "betas": [0.5, 0.999], "eps": 1e-8, "weight_decay": 0.0}
RMSPROP = {"lr": 5e-5, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0}
NONE = {"_target_": "gan_zoo.regularizers.Regularizer"}
SPECTRAL = {"_target_": "gan_zoo.regularizers.SpectralNorm"}
FIXED_GENERATOR = ["dataset=ring", "loss=glsgan", "optimizer.generator.lr=1e-12", "steps=50"]
FIXED_GENERATOR += ["log_every=50", "sample_every=0", "dataset.count=1000", "device=cpu"]


def r1_r2(weight):
    parts = {name.lower(): f"gan_zoo.regularizers.{name}" for name in ("R1", "R2")}
    nodes = {name: {"_target_": target, "weight": weight} for name, target in parts.items()}
    return {"_target_": "gan_zoo.regularizers.Combined", "parts": nodes}


def clip(bound):
    return {"_target_": "gan_zoo.regularizers.WeightClip", "bound": bound, "parameters": "all"}


# regularizer, optimizer's class and settings, n_critic
PAPERS = {
    "cls_gan": (NONE, "Adam", ADAM | {"lr": 0.001}, 1),
    "f_gan": (NONE, "Adam", ADAM, 1),
    "gan": (NONE, "Adam", ADAM, 1),
    "glsgan": (clip(0.08), "Adam", ADAM, 1),
    "glsgan_elu": (clip(0.08), "Adam", ADAM, 1),
    "glsgan_pointwise": (clip(0.08), "RMSprop", RMSPROP, 1),
    "hinge": (SPECTRAL, "Adam", ADAM, 1),
    "ls_gan": (NONE, "Adam", ADAM | {"lr": 0.0001}, 1),
    "lsgan": (NONE, "Adam", ADAM, 1),
    "lsgan_pearson": (NONE, "Adam", ADAM, 1),
    "relativistic": (r1_r2(10.0), "Adam", ADAM, 1),
    "relativistic_average": (NONE, "Adam", ADAM, 1),
    "wgan": (clip(0.01), "RMSprop", RMSPROP, 5),
}


@pytest.mark.parametrize("loss", PAPERS)
def test_papers_recipe_is_one_word_away(loss, composed):
    regularizer, optimizer, settings, n_critic = PAPERS[loss]
    config = composed(f"loss={loss}", "recipe=paper")
    network = {"_target_": f"gan_zoo.optimizers.{optimizer}", **settings}
    assert config["regularizer"] == regularizer
    assert config["optimizer"] == {**settings, "generator": network, "critic": network}
    assert config["n_critic"] == n_critic
    own = composed(f"loss={loss}")
    changed = {"regularizer", "optimizer", "n_critic", "sweep"}
    assert {key for key in config if config[key] != own[key]} <= changed


def test_every_loss_has_a_papers_recipe(composed):
    from gan_zoo.launch.config_catalog import choices

    assert choices()["recipe/paper"] == choices()["loss"] == sorted(PAPERS)
    assert choices()["recipe"] == sorted([*PAPERS, "paper", "points"])


def test_recipe_of_another_loss(composed):
    own, other = composed("loss=hinge", "recipe=relativistic"), composed("loss=relativistic")
    assert own["loss"] == {"_target_": "gan_zoo.losses.Hinge"}
    assert (own["regularizer"], own["optimizer"]) == (other["regularizer"], other["optimizer"])


@pytest.mark.parametrize("architecture", ["dcgan", "cls_dcgan", "vgg", "characters"])
def test_critics_with_batch_norm_have_papers_recipes(architecture, composed):
    assert composed("architecture=mlp")["regularizer"] == SPECTRAL
    found = composed(f"architecture={architecture}")
    assert found["architecture"]["critic"]["norm"] == "batch"
    assert (found["regularizer"], found["optimizer"]["betas"]) == (NONE, [0.5, 0.999])
    assert composed(f"architecture={architecture}", "recipe=gan")["regularizer"] == SPECTRAL


@pytest.mark.parametrize("dataset", ["ring", "grid", "spiral"])
@pytest.mark.parametrize("loss", PAPERS)
def test_mixtures_have_one_recipe(loss, dataset, composed):
    config = composed(f"loss={loss}", f"dataset={dataset}")
    assert (config["regularizer"], config["n_critic"]) == (r1_r2(0.1), 1)
    settings = ADAM | {"lr": 0.001, "betas": [0.0, 0.99]}
    network = {"_target_": "gan_zoo.optimizers.Adam", **settings}
    assert config["optimizer"] == {**settings, "generator": network, "critic": network}


def test_scores_of_mixtures_reach_the_margins(trained, tmp_path):
    found = []
    for slope in (0, 1):
        folder = tmp_path / str(slope)
        trained(folder, *FIXED_GENERATOR, f"loss.slope={slope}")
        (line,) = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        found.append(line["score/real"] - line["score/fake"])
    assert found[1] > 1.5 * found[0]  # satisfied pairs count with slope 1 only


def test_other_recipe_replaces_that_of_mixtures(composed):
    assert composed("dataset=ring", "recipe=gan")["regularizer"] == SPECTRAL
    assert composed("dataset=ring", "loss=wgan", "recipe=paper")["regularizer"] == clip(0.01)
    assert composed("dataset=ring", "architecture=toy_tanh")["regularizer"] == SPECTRAL


@pytest.mark.parametrize("dataset", ["glyphs", "ring"])
@pytest.mark.parametrize("loss", PAPERS)
def test_recipe_yields_to_command_line(loss, dataset, composed):
    words = ["optimizer=rmsprop", "optimizer.lr=0.5", "regularizer=r2", "n_critic=3"]
    config = composed(f"loss={loss}", f"dataset={dataset}", *words)
    rates = {config["optimizer"][name]["lr"] for name in ("generator", "critic")}
    assert (rates, config["n_critic"]) == ({0.5}, 3)
    assert config["optimizer"]["critic"]["_target_"].endswith("RMSprop")
    assert config["regularizer"] == {"_target_": "gan_zoo.regularizers.R2", "weight": 10.0}


def test_experiment_keeps_its_papers_recipe(composed):
    found = composed("experiment=mnist_all_labels")
    assert found["optimizer"]["critic"]["betas"] == [0.5, 0.999]
    assert found["regularizer"]["_target_"].endswith("Augmentation")
