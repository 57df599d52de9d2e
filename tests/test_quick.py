"""Steps made quicker as one: the same numbers as the plain steps, and plain ones where it fails."""

import logging

import pytest
import torch

from gan_zoo import checkpoints, losses, regularizers
from gan_zoo.architectures import mlp
from gan_zoo.optimizers import Adam, RMSprop
from gan_zoo.training import quick
from gan_zoo.training.quick import Plain, Quick, pays
from gan_zoo.training.step import Game

ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
RECIPES = {  # between them: both optimizers, random points, clipped and normalized weights, pairs
    "penalty": (losses.GAN(), regularizers.GradientPenalty(), Adam(lr=1e-3, weight_decay=0.01)),
    "clip": (
        losses.RelativisticAverage(),
        regularizers.Several(
            parts={"norm": regularizers.SpectralNorm(), "clip": regularizers.WeightClip(bound=0.3)}
        ),
        RMSprop(lr=1e-3),
    ),
}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Where compiled steps go, instead of into the user's home."""
    folder = tmp_path_factory.getbasetemp() / "compiled"
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder))


def game_of(recipe="penalty", device="cpu", precision="fp32"):
    torch.manual_seed(0)
    loss, regularizer, optimizer = RECIPES[recipe]
    generator = mlp.generator((2,), 1, hidden=(8,), output="linear", z_dim=3).to(device).double()
    critic = mlp.critic((2,), 1, hidden=(8,), activation="leaky_relu").to(device).double()
    regularizer.prepare(critic)
    descents = (optimizer(player.parameters()) for player in (generator, critic))
    return Game(generator, critic, loss, regularizer, *descents, precision=precision)


def play(steps, count, device="cpu"):
    """Two critic updates before each of the generator, all of them on given numbers."""
    draws = torch.Generator().manual_seed(1)
    torch.manual_seed(2)  # random points of penalties
    read = []
    for _ in range(count):
        for step in (steps.critic, steps.critic, steps.generator):
            x, z = (torch.rand(6, d, dtype=torch.float64, generator=draws) for d in (2, 3))
            y = torch.zeros(6, dtype=torch.int64, device=device)
            values = step(x.to(device), y, z.to(device))
            read.append({name: value.item() for name, value in values.items()})
    return read


def same(one, two):
    """Equal up to the rounding of double precision, in networks, optimizers and gradients."""
    for name in ("generator", "critic"):
        ours, plain = (getattr(game, name) for game in (one, two))
        torch.testing.assert_close(ours.state_dict(), plain.state_dict(), rtol=1e-8, atol=1e-10)
        for p, q in zip(ours.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad, rtol=1e-7, atol=1e-9)
        first, second = (getattr(game, f"{name}_optimizer").state_dict() for game in (one, two))
        torch.testing.assert_close(first["state"], second["state"], rtol=1e-7, atol=1e-9)
    for ours, plain in zip(one.scored, two.scored, strict=True):
        torch.testing.assert_close(ours.score, plain.score, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("recipe", RECIPES)
def test_compiled_steps_are_the_plain_ones_up_to_rounding(recipe, caplog):
    compiled, plain = game_of(recipe), game_of(recipe)
    read, expected = (play(way, 8) for way in (Quick(compiled), Plain(plain)))
    assert not warnings(caplog)
    for ours, theirs in zip(read, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-10)
    same(compiled, plain)


def test_a_run_that_stopped_compiled_goes_on_compiled_and_ends_the_same(trained, tmp_path, caplog):
    words = ["dataset=ring", "dataset.count=100", "batch_size=8", "device=cpu", "log_every=3"]
    words += ["architecture.generator.hidden=[8]", "architecture.critic.hidden=[8]", "loss=wgan"]
    trained(tmp_path / "one", *words, "steps=8", "compile=true")
    trained(tmp_path / "two", *words, "steps=5", "compile=true")
    trained(tmp_path / "two", *words, "steps=8", "compile=true")
    one, two = (checkpoints.load(checkpoints.newest(tmp_path / name)) for name in ("one", "two"))
    assert one["quick"]
    assert not any("not possible" in line for line in warnings(caplog))
    for name in ("generator", "critic", "average"):
        assert all(torch.equal(one[name][key], two[name][key]) for key in one[name])
    trained(tmp_path / "plain", *words, "steps=8", "compile=false")
    plain = checkpoints.load(checkpoints.newest(tmp_path / "plain"))
    for key, weight in one["generator"].items():
        torch.testing.assert_close(weight, plain["generator"][key], rtol=0.01, atol=1e-3)


def warnings(caplog):
    """What the log says to a user."""
    return [r.getMessage() for r in caplog.records if r.name.startswith("gan_zoo")]


class Unknown(torch.optim.SGD):
    """An optimizer that no graph knows."""


def refuse(*_):
    raise RuntimeError("no compiler\nand much more")


@pytest.mark.parametrize("where", ["before", "critic", "generator"])
def test_what_cannot_be_compiled_runs_as_it_is_and_says_so_once(where, monkeypatch, caplog):
    fallen, plain = game_of(), game_of()
    eager = Plain(fallen)
    ways = {
        "before": refuse,
        "critic": lambda game: (refuse, refuse),
        "generator": lambda game: (eager.critic, refuse),
    }
    monkeypatch.setattr(quick, "_ways", lambda: {"cpu": ways[where]})
    with caplog.at_level(logging.WARNING):
        read = play(Quick(fallen), 3)
    assert read == play(Plain(plain), 3)
    assert warnings(caplog) == [
        "compile       not possible here, steps run as they are (no compiler)"
    ]


def test_an_optimizer_that_cannot_be_traced_is_named(caplog):
    game = game_of()
    game.critic_optimizer = Unknown(game.critic.parameters(), lr=0.1)
    game.__post_init__()
    with caplog.at_level(logging.WARNING):
        play(Quick(game), 1)
    assert "no traceable update for Unknown" in caplog.text


def test_errors_of_later_steps_are_nobodys_fallback(monkeypatch):
    game, failing = game_of(), [False]

    def step(x, y, z):
        if failing[0]:
            raise ValueError("later")
        return {}

    monkeypatch.setattr(quick, "_ways", lambda: {"cpu": lambda game: (step, step)})
    steps = Quick(game)
    steps.critic(None, None, None)
    failing[0] = True
    with pytest.raises(ValueError, match="later"):
        steps.critic(None, None, None)


def test_compiling_pays_for_long_runs_of_perceptrons():
    from gan_zoo.architectures import dcgan

    game = game_of()
    assert pays(game, 100_000)
    assert not pays(game, 1000)
    game.critic = dcgan.critic((1, 16, 16), 1, width=4)
    assert not pays(game, 10**9)


def test_low_precision_is_of_passes_alone():
    low, full = (game_of("penalty", precision=name) for name in ("bf16", "fp32"))
    for game in (low, full):
        for player in (game.generator, game.critic):
            player.float()
    x, z, y = torch.rand(6, 2), torch.rand(6, 3), torch.zeros(6, dtype=torch.int64)
    for game in (low, full):
        torch.manual_seed(0)
        Plain(game).critic(x, y, z)
        Plain(game).generator(x, y, z)
    assert all(pair.score.dtype == pair.x.dtype == torch.float32 for pair in low.scored)
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in low.critic.parameters())
    scores = [game.scored[0].score for game in (low, full)]
    assert not torch.equal(*scores)
    torch.testing.assert_close(*scores, rtol=0.05, atol=0.02)


@ON_GPU
@pytest.mark.parametrize("recipe", RECIPES)
def test_captured_steps_are_the_plain_ones(recipe, caplog):
    graphed, plain = game_of(recipe, "cuda"), game_of(recipe, "cuda")
    read, expected = (play(way, 8, "cuda") for way in (Quick(graphed), Plain(plain)))
    assert not warnings(caplog)
    for ours, theirs in zip(read, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-10)
    same(graphed, plain)


@ON_GPU
def test_capturing_leaves_the_stream_of_random_numbers_where_it_was():
    graphed, plain = game_of("penalty", "cuda"), game_of("penalty", "cuda")
    after = []
    for way in (Quick(graphed), Plain(plain)):
        play(way, 3, "cuda")
        after.append(torch.rand(4, device="cuda"))
    assert torch.equal(*after)
