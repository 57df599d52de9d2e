"""Losses with regularizers on architectures: two steps, or a refusal that names the key."""

from itertools import combinations, product
from pathlib import Path

import pytest
import torch

from gan_zoo.build_trainer import build_trainer, load_samples
from gan_zoo.experiment import load_experiment
from gan_zoo.schema import ConfigError

CONFIGS = Path(__file__).parents[1] / "configs"
GRADIENT_PENALTIES = {"gradient_penalty", "r1", "r2", "r1_r2", "r1_r2_points", "dragan"}


def choices(group):
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


GROUPS = ("loss", "regularizer", "architecture")
TRIPLES = list(product(*map(choices, GROUPS)))
# settings of a network small enough for two quick steps, and the data that it can generate
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


def pairs(triple):
    """The pairs of a triple, each with its two positions."""
    return {(i, j, triple[i], triple[j]) for i, j in combinations(range(3), 2)}


def covering(triples, missing):
    """Choose triples greedily until they contain all `missing` pairs they can; deterministic."""
    missing, chosen = set(missing), []
    while new := max((pairs(t) & missing for t in triples), key=len, default=set()):
        chosen.append(next(t for t in triples if pairs(t) & missing == new))
        missing -= new
    return chosen


class Configs:
    """Configurations of triples: each loss with its recipe, each architecture small."""

    def __init__(self, composed):
        self.losses = {name: composed(f"loss={name}") for name in choices("loss")}
        self.regularizers = {
            name: composed(f"regularizer={name}")["regularizer"] for name in choices("regularizer")
        }
        self.bases = {name: small(composed, name) for name in choices("architecture")}

    def of(self, triple):
        """The architecture with the recipe of the loss, except for the regularizer."""
        loss, regularizer, architecture = triple
        base, recipe = self.bases[architecture], self.losses[loss]
        from_recipe = {k: recipe[k] for k in ("loss", "optimizer", "conditional", "n_critic")}
        output = {"output": recipe["architecture"]["critic"]["output"]}
        networks = base["architecture"]
        networks = {**networks, "critic": networks["critic"] | output}
        node = self.regularizers[regularizer]
        return {**base, **from_recipe, "regularizer": node, "architecture": networks}

    def refused_key(self, triple):
        """The key that an invalid triple is refused by; None for a valid one."""
        config = self.of(triple)
        if config["conditional"] and config["dataset"]["_target_"].endswith("Ring"):
            return "conditional"
        critic = config["architecture"]["critic"]
        if critic["output"] == "log_softmax" and critic.get("labels", "heads") != "heads":
            return "architecture.critic.output"
        if triple[1] in GRADIENT_PENALTIES and critic.get("norm") == "batch":
            return "architecture.critic.norm"
        return None


def small(composed, architecture):
    """The configuration of a small architecture with its data."""
    data = DATA.get(architecture, IMAGES)
    words = [*data, f"architecture={architecture}", "dataset.count=40", "batch_size=4"]
    config = composed(*words, "device=cpu", "compile=false", *SIZES.get(architecture, []))
    for network in config["architecture"].values():
        network.update({"width": 8} if "width" in network else {})
        network.update({"z_dim": 8} if "z_dim" in network else {})
    return config


@pytest.fixture(scope="module")
def configs(composed):
    return Configs(composed)


@pytest.fixture(scope="module")
def pairwise(configs):
    """Valid triples that contain every pair they can, and refused ones with the other pairs."""
    valid = [triple for triple in TRIPLES if configs.refused_key(triple) is None]
    trained = covering(valid, set().union(*map(pairs, valid)))
    rest = set().union(*map(pairs, TRIPLES)) - set().union(*map(pairs, trained))
    return trained + covering(TRIPLES, rest)


def build(config):
    """Build a trainer. Raises ConfigError for an invalid configuration."""
    experiment = load_experiment(config)
    return build_trainer(experiment, load_samples(experiment))


def check(configs, triple):
    """Train a valid triple for two steps; expect the refusal of an invalid one."""
    config, key = configs.of(triple), configs.refused_key(triple)
    if key is not None:
        with pytest.raises(ConfigError) as refused:
            build(config)
        assert refused.value.key == key, triple
        return
    trainer = build(config)
    trainer.train_steps()
    trainer.train_steps()
    values = torch.tensor(list(trainer.compute_metrics().values()))
    assert values.isfinite().all(), triple


def test_pairwise_covering_contains_every_pair(configs, pairwise):
    assert set().union(*map(pairs, pairwise)) == set().union(*map(pairs, TRIPLES))
    assert len(pairwise) == len(set(pairwise)) < len(TRIPLES) / 5
    valid = [triple for triple in TRIPLES if configs.refused_key(triple) is None]
    trained = [triple for triple in pairwise if configs.refused_key(triple) is None]
    assert set().union(*map(pairs, trained)) == set().union(*map(pairs, valid))


@pytest.mark.parametrize("architecture", choices("architecture"))
def test_every_pair_trains_or_is_refused(configs, pairwise, architecture):
    for triple in pairwise:
        if triple[2] == architecture:
            check(configs, triple)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", choices("architecture"))
def test_every_triple_trains_or_is_refused(configs, architecture):
    triples = [triple for triple in TRIPLES if triple[2] == architecture]
    for triple in triples:
        check(configs, triple)
    assert sum(configs.refused_key(triple) is None for triple in triples) > 50
