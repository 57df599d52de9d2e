"""A run depends on its seed alone: no random number comes from torch's default generators."""

import pytest
import torch

from gan_zoo import checkpoints, losses, regularizers
from gan_zoo.architectures import mlp
from gan_zoo.optimizers import Adam
from gan_zoo.ranks import Ranks
from gan_zoo.training.noise import NoiseSampler
from gan_zoo.training.rng import load_rng_state, make_rng
from gan_zoo.training.step import GANState

TINY = ["dataset=ring", "dataset.count=64", "batch_size=8", "device=cpu", "steps=6"]
TINY += ["architecture=mlp_points", "n_critic=2", "checkpoint_every=4", "compile=false"]
AUGMENTED = regularizers.Combined(
    parts={
        "noise": regularizers.Augmentation(noise=0.1),
        "gp": regularizers.GradientPenalty(),
        "dragan": regularizers.Dragan(),
    }
)


def weights(folder):
    content = checkpoints.load(checkpoints.latest_path(folder))
    return [*content["generator"].values(), *content["critic"].values()]


RANDOM = [
    ["regularizer=gradient_penalty"],
    ["regularizer=dragan"],
    ["regularizer=augmentation", "regularizer.noise=0.1"],
    ["regularizer=spectral_norm"],
    ["regularizer=r1"],
    ["loss=relativistic", "regularizer=augmentation", "regularizer.noise=0.1"],
    ["loss=cls_gan", "dataset=glyphs", "architecture=mlp", "regularizer=augmentation"],
]


@pytest.mark.parametrize("words", RANDOM, ids="-".join)
def test_default_generators_do_not_matter(trained, tmp_path, words):
    torch.manual_seed(1)
    trained(tmp_path / "one", *TINY, *words)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    trained(tmp_path / "two", *TINY, *words)
    assert torch.equal(torch.get_rng_state(), before)
    pairs = zip(weights(tmp_path / "one"), weights(tmp_path / "two"), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("words", RANDOM[:3], ids="-".join)
def test_resumed_run_draws_the_same_numbers(trained, tmp_path, words):
    trained(tmp_path / "one", *TINY, *words)
    trained(tmp_path / "two", *TINY, *words, "steps=3")
    torch.manual_seed(3)
    trained(tmp_path / "two", *TINY, *words)
    pairs = zip(weights(tmp_path / "one"), weights(tmp_path / "two"), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def sampler(regularizer, ranks=None, batch_size=6, loss=None):
    generator = mlp.generator((2,), 1, hidden=(8,), output="linear", z_dim=3)
    critic = mlp.critic((2,), 1, hidden=(8,))
    optimizers = (Adam(lr=1e-3)(network.parameters()) for network in (generator, critic))
    gan = GANState(generator, critic, loss or losses.GAN(), regularizer, *optimizers)
    return NoiseSampler(gan, (2,), batch_size, 0, ranks or Ranks())


def drawn(noise):
    """All tensors of a critic and a generator update, by name."""
    updates = {"critic": noise.of_critic(), "generator": noise.of_generator()}
    found = {f"{name} z": update.z for name, update in updates.items()}
    for name, update in updates.items():
        for user in ("real", "fake", "penalized", "penalty"):
            for kind, x in getattr(update, user)._asdict().items():
                if x is not None:
                    found[f"{name} {user} {kind}"] = x
    return found


def test_only_numbers_that_are_needed_are_drawn():
    assert {*drawn(sampler(regularizers.R1()))} == {"critic z", "generator z"}
    augmented = drawn(sampler(regularizers.Augmentation(noise=0.1)))
    users = ["critic real", "critic fake", "generator fake"]
    assert {*augmented} == {"critic z", "generator z", *(f"{user} normal" for user in users)}
    pairs = losses.RelativisticPairing()
    assert "generator real normal" in drawn(sampler(regularizers.Augmentation(noise=1), loss=pairs))
    everything = drawn(sampler(AUGMENTED))
    assert everything["critic penalty uniform"].shape == (6, 1 + 3)
    assert {"critic penalized normal", "critic penalty uniform"} <= {*everything}


def test_every_update_and_user_has_numbers_of_its_own():
    noise = sampler(AUGMENTED)
    batches = [x for _ in range(40) for x in drawn(noise).values()]
    assert len({tuple(x.flatten().tolist()) for x in batches}) == len(batches)


@pytest.mark.parametrize("taken", [0, 1, 16, 21])
def test_noise_resumes_from_any_update(taken):
    one, two = sampler(AUGMENTED), sampler(AUGMENTED)
    for _ in range(taken):
        drawn(one)
    drawn(two)
    two.load_state_dict(one.state_dict())
    for _ in range(20):
        first, second = drawn(one), drawn(two)
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_ranks_share_the_numbers_of_one_process():
    whole, parts = sampler(AUGMENTED), [sampler(AUGMENTED, Ranks(rank, 3)) for rank in range(3)]
    for _ in range(20):
        expected, found = drawn(whole), [drawn(part) for part in parts]
        for name, x in expected.items():
            together = torch.stack([part[name] for part in found], 1).flatten(0, 1)
            assert torch.equal(together, x)


def test_state_of_another_type_of_device_starts_a_new_sequence():
    state = {"device": "mps", "state": torch.arange(16, dtype=torch.uint8)}
    other = {"device": "mps", "state": torch.arange(1, 17, dtype=torch.uint8)}
    rngs = [make_rng(seed, "noise") for seed in range(3)]
    given = (state, state, other)
    assert not any(load_rng_state(*pair) for pair in zip(rngs, given, strict=True))
    numbers = [torch.rand(3, generator=rng) for rng in (*rngs, make_rng(0, "noise"))]
    assert torch.equal(numbers[0], numbers[1])
    assert len({tuple(x.tolist()) for x in numbers}) == 3


def test_resuming_on_another_type_of_device_logs_one_warning(caplog):
    noise, state = sampler(AUGMENTED), sampler(AUGMENTED).state_dict()
    for own in (state["latent_rng"], *state["regularizer_rngs"]):
        own["before"] = {"device": "mps", "state": torch.arange(16, dtype=torch.uint8)}
    noise.load_state_dict(state)
    (warned,) = caplog.messages
    assert "others than on mps, where the run was saved" in warned


def test_state_of_an_earlier_version_is_a_tensor():
    one, two = make_rng(1, "noise"), make_rng(2, "noise")
    assert load_rng_state(two, one.get_state())
    assert torch.equal(torch.rand(3, generator=one), torch.rand(3, generator=two))
