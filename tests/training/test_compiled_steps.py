"""Steps made quicker as one: the same numbers as the plain steps, and plain ones where it fails."""

import contextlib
import logging

import pytest
import torch

from gan_zoo import checkpoints, losses, regularizers
from gan_zoo.architectures import mlp
from gan_zoo.optimizers import Adam, RMSprop
from gan_zoo.training import compiled, cuda_graph, traceable
from gan_zoo.training.compiled import CompiledRunner
from gan_zoo.training.cuda_graph import CudaGraphRunner
from gan_zoo.training.meters import MeanMetrics
from gan_zoo.training.runner import StepRunner
from gan_zoo.training.step import GANState, critic_and_generator, critic_only
from gan_zoo.training.trainer import make_runner, should_compile, steps_per_graph

ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
RECIPES = {  # between them: both optimizers, random points, clipped and normalized weights, pairs
    "penalty": (losses.GAN(), regularizers.GradientPenalty(), Adam(lr=1e-3, weight_decay=0.01)),
    "clip": (
        losses.RelativisticAverage(),
        regularizers.Combined(
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
    return GANState(
        generator, critic, loss, regularizer, *descents, precision=precision, ema_decay=0.9
    )


class Numbers:
    """Batches of numbers that a seed fixes, so many wide; with labels if they are samples."""

    def __init__(self, width, device="cpu", labeled=False):
        self.draws, self.width = torch.Generator().manual_seed(width), width
        self.device, self.labeled = device, labeled

    def next(self):
        x = torch.rand(6, self.width, dtype=torch.float64, generator=self.draws).to(self.device)
        return (x, torch.zeros(6, dtype=torch.int64, device=self.device)) if self.labeled else x


def table(gan):
    """A game, samples and latent vectors."""
    device = gan.device.type
    return gan, Numbers(2, device, labeled=True), Numbers(3, device)


def play(turns, *plays):
    """What is read of the meters after each play: a list of the critic updates of its turns."""
    torch.manual_seed(2)  # random points of penalties
    metrics, read = MeanMetrics(), []
    for updates in plays:
        turns.run(updates, metrics.add)
        read.append({name: value.item() for name, value in metrics.compute().items()})
    return read


def same(turns, plain):
    """Equal up to the rounding of double precision: networks, optimizers, averages, gradients."""
    one, two = turns.gan, plain.gan
    for name in ("generator", "critic"):
        ours, theirs = (getattr(gan, name).state_dict() for gan in (one, two))
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)
        ours, theirs = (way.gradients()[name] for way in (turns, plain))
        torch.testing.assert_close(list(ours), list(theirs), rtol=1e-7, atol=1e-9)
        first, second = (getattr(gan, f"{name}_optimizer").state_dict() for gan in (one, two))
        torch.testing.assert_close(first["state"], second["state"], rtol=1e-7, atol=1e-9)
    assert one.ema.updates == two.ema.updates
    ours, theirs = (gan.ema.network.state_dict() for gan in (one, two))
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)
    for ours, theirs in zip(one.scored, two.scored, strict=True):
        torch.testing.assert_close(ours.score, theirs.score, rtol=1e-8, atol=1e-10)


def agree(turns, plain, *plays):
    """Both play the same, and are the same afterwards."""
    for ours, theirs in zip(play(turns, *plays), play(plain, *plays), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-10)
    same(turns, plain)


OLD = tuple(map(int, torch.__version__.split(".")[:2])) < (2, 15)
NEW_TORCH = pytest.mark.skipif(OLD, reason="torch 2.11 does not compile gradients of gradients")


@pytest.mark.parametrize("recipe", [pytest.param("penalty", marks=NEW_TORCH), "clip"])
def test_compiled_turns_are_the_plain_ones_up_to_rounding(recipe, caplog):
    turns, plain = CompiledRunner(*table(game_of(recipe))), StepRunner(*table(game_of(recipe)))
    agree(turns, plain, [2], [1], *[[2]] * 6, [3])
    assert not warnings(caplog)


def test_a_run_that_stopped_compiled_goes_on_compiled_and_ends_the_same(trained, tmp_path, caplog):
    words = ["dataset=ring", "dataset.count=100", "batch_size=8", "device=cpu", "log_every=3"]
    words += ["architecture.generator.hidden=[8]", "architecture.critic.hidden=[8]", "loss=wgan"]
    trained(tmp_path / "one", *words, "steps=8", "compile=true")
    trained(tmp_path / "two", *words, "steps=5", "compile=true")
    trained(tmp_path / "two", *words, "steps=8", "compile=true")
    one, two = (
        checkpoints.load(checkpoints.latest_path(tmp_path / name)) for name in ("one", "two")
    )
    assert one["compiled"]
    assert not any("not possible" in line for line in warnings(caplog))
    for name in ("generator", "critic", "ema"):
        assert all(torch.equal(one[name][key], two[name][key]) for key in one[name])
    trained(tmp_path / "plain", *words, "steps=8", "compile=false")
    plain = checkpoints.load(checkpoints.latest_path(tmp_path / "plain"))
    for key, weight in one["generator"].items():
        torch.testing.assert_close(weight, plain["generator"][key], rtol=0.01, atol=1e-3)


def warnings(caplog):
    """What the log says to a user."""
    return [r.getMessage() for r in caplog.records if r.name.startswith("gan_zoo")]


class Unknown(torch.optim.SGD):
    """An optimizer that no graph knows."""


def refuse(*_):
    raise RuntimeError("no compiler\nand much more")


@pytest.mark.parametrize("where", [CompiledRunner, critic_only, critic_and_generator])
def test_what_cannot_be_compiled_runs_as_it_is_and_says_so_once(where, monkeypatch, caplog):
    """Whether nothing can be, or one of the steps; the other then stands for a compiled one."""
    if where is CompiledRunner:
        monkeypatch.setattr(compiled, "TraceableStep", refuse)
    else:
        ways = {critic_only: critic_only, critic_and_generator: critic_and_generator, where: refuse}
        monkeypatch.setattr(compiled, "_compile", ways.get)
        monkeypatch.setattr(compiled, "TraceableStep", WithoutGraph)
        monkeypatch.setattr(traceable, "TraceableEMA", WithoutGraph)
    with caplog.at_level(logging.WARNING):
        turns = make_runner(*table(game_of()), 2, 1)
        agree(turns, StepRunner(*table(game_of())), [2], [2], [1])
    assert warnings(caplog) == [
        "compile       compilation failed, falling back to eager (no compiler)"
    ]


class WithoutGraph:
    """A descent or an average as it is, told when it is before and after a step."""

    def __init__(self, plain):
        self.plain = plain

    def __getattr__(self, name):
        return getattr(self.plain, name)

    def __call__(self, loss):
        self.plain(loss)

    def before(self):
        pass

    def after(self):
        pass


def test_an_optimizer_that_cannot_be_traced_is_named(caplog):
    gan = game_of()
    gan.critic_optimizer = Unknown(gan.critic.parameters(), lr=0.1)
    gan.__post_init__()
    with caplog.at_level(logging.WARNING):
        play(make_runner(*table(gan), 2, 1), [2])
    assert "no traceable update for Unknown" in caplog.text


def test_errors_of_later_steps_are_nobodys_fallback(monkeypatch):
    failing = [False]

    def step(gan, *given):
        if failing[0]:
            raise ValueError("later")
        return {}

    monkeypatch.setattr(compiled, "_compile", lambda _: step)
    turns = CompiledRunner(*table(game_of()))
    play(turns, [2])
    failing[0] = True
    with pytest.raises(ValueError, match="later"):
        play(turns, [2])


def test_compiling_pays_for_long_runs_of_perceptrons():
    from gan_zoo.architectures import dcgan

    gan = game_of()
    assert should_compile(gan, 100_000)
    assert not should_compile(gan, 1000)
    gan.critic = dcgan.critic((1, 16, 16), 1, width=4)
    assert not should_compile(gan, 10**9)


def test_a_gpu_plays_as_many_turns_at_once_as_fit_between_two_looks(monkeypatch):
    gan = game_of()
    assert steps_per_graph(gan, 1, 50) == 1
    monkeypatch.setattr(GANState, "device", torch.device("cuda"))
    assert [steps_per_graph(gan, 1, gap) for gap in (50, 7, 31, 37, 0)] == [25, 7, 31, 1, 32]
    assert [steps_per_graph(gan, n_critic, 50) for n_critic in (5, 63, 100)] == [10, 1, 1]


def test_low_precision_is_of_passes_alone():
    low, full = (game_of("penalty", precision=name) for name in ("bf16", "fp32"))
    x, z, y = torch.rand(6, 2), torch.rand(6, 3), torch.zeros(6, dtype=torch.int64)
    for gan in (low, full):
        for player in (gan.generator, gan.critic, gan.ema.network):
            player.float()
        torch.manual_seed(0)
        critic_and_generator(gan, x, y, z, z)
    assert all(pair.score.dtype == pair.x.dtype == torch.float32 for pair in low.scored)
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in low.critic.parameters())
    scores = [gan.scored[0].score for gan in (low, full)]
    assert not torch.equal(*scores)
    torch.testing.assert_close(*scores, rtol=0.05, atol=0.02)


class Rerun:
    """Stands for a CUDA graph where there is none: to replay it is to run again what it captured.

    It tells nothing of CUDA, but whether what surrounds a graph is right.
    """

    def replay(self):
        turns = self.turns
        given = ([part.clone() for part in parts] for parts in turns._inputs)
        turns._inputs = list(given)
        turns._metrics = cuda_graph._totals(turns._steps(len(turns._weights)))
        turns._gradients = StepRunner.gradients(turns)


@pytest.fixture
def without_cuda(monkeypatch):
    """What a capture asks of torch.cuda, on a CPU."""

    @contextlib.contextmanager
    def nothing(*_, **__):
        yield

    for name in ("device", "stream", "graph"):
        monkeypatch.setattr(torch.cuda, name, nothing)
    for name in ("Stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, lambda: Waiting())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Rerun)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda _: torch.get_rng_state())
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, _: torch.set_rng_state(state))


class Waiting:
    def wait_stream(self, _):
        pass


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_surrounds_a_captured_graph_changes_nothing(recipe, without_cuda, monkeypatch, caplog):
    turns = CudaGraphRunner(*table(game_of(recipe)), [2] * 3)
    for optimizer in (turns.gan.critic_optimizer, turns.gan.generator_optimizer):
        optimizer.param_groups[0]["capturable"] = False  # which torch has on GPUs alone
    capture = turns._capture
    monkeypatch.setattr(turns, "_capture", lambda given: (capture(given), bind(turns)))
    agree(turns, StepRunner(*table(game_of(recipe))), [4], [2, 2, 2], [2], *[[2, 2, 2]] * 3, [1])
    assert not warnings(caplog)


def bind(turns):
    turns._graph.turns = turns


def test_what_cannot_be_captured_runs_as_it_is_and_says_so_once(without_cuda, monkeypatch, caplog):
    monkeypatch.setattr(cuda_graph, "_totals", refuse)
    turns = CudaGraphRunner(*table(game_of()), [2, 2])
    for optimizer in (turns.gan.critic_optimizer, turns.gan.generator_optimizer):
        optimizer.param_groups[0]["capturable"] = False
    with caplog.at_level(logging.WARNING):
        agree(turns, StepRunner(*table(game_of())), [2, 2], [2, 2], [3])
    assert warnings(caplog) == [
        "compile       compilation failed, falling back to eager (no compiler)"
    ]


@ON_GPU
@pytest.mark.parametrize("recipe", RECIPES)
def test_captured_turns_are_the_plain_ones(recipe, caplog):
    turns = CudaGraphRunner(*table(game_of(recipe, "cuda")), [2] * 3)
    plain = StepRunner(*table(game_of(recipe, "cuda")))
    agree(turns, plain, [4], [2, 2, 2], [2], *[[2, 2, 2]] * 3, [1])
    assert not warnings(caplog)


@ON_GPU
def test_capturing_leaves_the_stream_of_random_numbers_where_it_was():
    after = []
    for way in (
        CudaGraphRunner(*table(game_of(device="cuda")), [2]),
        StepRunner(*table(game_of(device="cuda"))),
    ):
        play(way, *[[2]] * 3)
        after.append(torch.rand(4, device="cuda"))
    assert torch.equal(*after)
