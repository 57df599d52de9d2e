"""Every loss with every regularizer on every architecture: two steps, or a line that says no."""

from pathlib import Path

import pytest
import torch

from gan_zoo.experiment import load_experiment
from gan_zoo.run import build_trainer, load_samples
from gan_zoo.schema import ConfigError

CONFIGS = Path(__file__).parents[1] / "configs"
GRADIENT_PENALTIES = {"gradient_penalty", "r1", "r2", "r1_r2", "dragan"}


def choices(group):
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


# Small enough for a moment's work; the data that each can make.
SIZES = {
    "mlp": ["architecture.generator.hidden=[8]", "architecture.critic.hidden=[8]"],
    "characters": ["architecture.critic.hidden=8"],
}
DATA = {
    "mlp_points": ["dataset=ring"],
    "toy_tanh": ["dataset=ring"],
    "toy_maxout": ["dataset=ring"],
}
IMAGES = ["dataset=glyphs", "dataset.size=16"]


@pytest.fixture(scope="module")
def recipes(composed):
    """The configuration that each loss brings, and the node of each regularizer."""
    losses = {name: composed(f"loss={name}") for name in choices("loss")}
    return losses, {n: composed(f"regularizer={n}")["regularizer"] for n in choices("regularizer")}


def triple(base, recipe, regularizer):
    """A small architecture with the recipe of a loss, but for the regularizer."""
    brought = ("loss", "optimizer", "conditional", "n_critic")
    config = {**base, **{key: recipe[key] for key in brought}, "regularizer": regularizer}
    output = {"output": recipe["architecture"]["critic"]["output"]}
    critic = base["architecture"]["critic"] | output
    return config | {"architecture": {**base["architecture"], "critic": critic}}


def started(config):
    """A training at its start. Raises ConfigError if the configuration is senseless."""
    experiment = load_experiment(config)
    return build_trainer(experiment, load_samples(experiment))


def small(composed, architecture):
    """The configuration of a small architecture with its data."""
    data = DATA.get(architecture, IMAGES)
    words = [*data, f"architecture={architecture}", "dataset.count=40", "batch_size=4"]
    config = composed(*words, "device=cpu", "compile=false", *SIZES.get(architecture, []))
    for player in config["architecture"].values():
        player.update({"width": 8} if "width" in player else {})
        player.update({"z_dim": 8} if "z_dim" in player else {})
    return config


def reason(regularizer, config):
    """Key that a senseless triple is refused by, or None for a sensible one."""
    if config["conditional"] and config["dataset"]["_target_"].endswith("Ring"):
        return "conditional"
    critic = config["architecture"]["critic"]
    if critic["output"] == "log_softmax" and critic.get("labels", "heads") != "heads":
        return "architecture.critic.output"
    if regularizer in GRADIENT_PENALTIES and critic.get("norm") == "batch":
        return "architecture.critic.norm"
    return None


@pytest.mark.parametrize("architecture", choices("architecture"))
def test_every_sensible_triple_trains_and_every_other_is_refused(composed, recipes, architecture):
    base = small(composed, architecture)
    ran = 0
    for loss, recipe in recipes[0].items():
        for regularizer, node in recipes[1].items():
            config = triple(base, recipe, node)
            refused = reason(regularizer, config)
            if refused is not None:
                with pytest.raises(ConfigError) as told:
                    started(config)
                assert told.value.key == refused, (loss, regularizer)
                continue
            trainer = started(config)
            trainer.train_steps()
            trainer.train_steps()
            values = torch.tensor(list(trainer.compute_metrics().values()))
            assert values.isfinite().all(), (loss, regularizer)
            ran += 1
    assert ran > 50
