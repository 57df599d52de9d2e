"""Compiled and captured steps equal eager ones, and fall back to them on errors."""

import logging
import os

import pytest
import torch
from torch._inductor.runtime.cache_dir_utils import default_cache_dir

from cuda_stand_in import RerunningRunner, replace_cuda
from gan_zoo import checkpoints, losses, regularizers
from gan_zoo.architectures import mlp
from gan_zoo.optimizers import Adam, RMSprop
from gan_zoo.ranks import Ranks
from gan_zoo.training import compiled, cuda_graph, traceable
from gan_zoo.training.compiled import CompiledRunner
from gan_zoo.training.cuda_graph import CudaGraphRunner
from gan_zoo.training.meters import MeanMetrics
from gan_zoo.training.noise import NoiseSampler
from gan_zoo.training.runner import StepRunner
from gan_zoo.training.runner_choice import make_runner, should_compile, steps_per_graph
from gan_zoo.training.step import GANState, critic_and_generator, critic_only

ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
RECIPES = {  # both optimizers, random points, clipped and normalized weights, pairs
    "penalty": (losses.GAN(), regularizers.GradientPenalty(), Adam(lr=1e-3, weight_decay=0.01)),
    "penalties": (  # whose points are those of the loss
        losses.Hinge(),
        regularizers.Combined(parts={"r1": regularizers.R1(), "r2": regularizers.R2(weight=3)}),
        Adam(lr=1e-3),
    ),
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
    """Cache compiled steps in a temporary folder."""
    folder = tmp_path_factory.getbasetemp() / "compiled"
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder))


def make_gan(recipe="penalty", device="cpu", precision="fp32"):
    torch.manual_seed(0)
    loss, regularizer, optimizer = RECIPES[recipe]
    generator = mlp.generator((2,), 1, hidden=(8,), output="linear", z_dim=3).to(device).double()
    critic = mlp.critic((2,), 1, hidden=(8,), activation="leaky_relu").to(device).double()
    regularizer.prepare(critic)
    optimizers = (optimizer(network.parameters()) for network in (generator, critic))
    return GANState(
        generator, critic, loss, regularizer, *optimizers, precision=precision, ema_decay=0.9
    )


class Points:
    """Random batches (6, 2) with labels."""

    def __init__(self, device):
        self.rng, self.device = torch.Generator().manual_seed(2), device

    def next(self):
        x = torch.rand(6, 2, dtype=torch.float64, generator=self.rng).to(self.device)
        return x, torch.zeros(6, dtype=torch.int64, device=self.device)


def parts_of(gan):
    """A GAN, samples and random numbers."""
    return gan, Points(gan.device), NoiseSampler(gan, (2,), 6, 3, Ranks())


def run_steps(runner, *calls):
    """Mean metrics after each call of `run`, given the critic updates of its steps."""
    metrics, means = MeanMetrics(), []
    for updates in calls:
        runner.run(updates, metrics.add)
        means.append({name: value.item() for name, value in metrics.compute().items()})
    return means


def assert_equal_state(runner, eager):
    """Compare networks, optimizers, EMA and gradients up to rounding in double precision."""
    one, two = runner.gan, eager.gan
    for name in ("generator", "critic"):
        ours, theirs = (getattr(gan, name).state_dict() for gan in (one, two))
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)
        ours, theirs = (each.gradients()[name] for each in (runner, eager))
        torch.testing.assert_close(list(ours), list(theirs), rtol=1e-7, atol=1e-9)
        first, second = (getattr(gan, f"{name}_optimizer").state_dict() for gan in (one, two))
        # on a GPU, captured steps are counted there and eager ones may be counted on the CPU
        given = {"rtol": 1e-7, "atol": 1e-9, "check_device": False}
        torch.testing.assert_close(first["state"], second["state"], **given)
    assert one.ema.updates == two.ema.updates
    ours, theirs = (gan.ema.network.state_dict() for gan in (one, two))
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)
    for ours, theirs in zip(one.scored, two.scored, strict=True):
        torch.testing.assert_close(ours.score, theirs.score, rtol=1e-8, atol=1e-10)


def assert_equal_runs(runner, eager, *calls):
    """Both runners log the same metrics and reach the same state."""
    for ours, theirs in zip(run_steps(runner, *calls), run_steps(eager, *calls), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-10)
    assert_equal_state(runner, eager)


TORCH_2_12 = pytest.mark.skipif(
    torch.__version__ < "2.12", reason="torch before 2.12 compiles nothing on a CPU"
)
TORCH_2_14 = pytest.mark.skipif(
    torch.__version__ < "2.14", reason="torch before 2.14 does not compile gradients of gradients"
)


@pytest.mark.parametrize("given", [None, default_cache_dir(), "/mine"])
def test_compiled_code_is_kept(given, monkeypatch):
    key = "TORCHINDUCTOR_CACHE_DIR"
    monkeypatch.setenv("HOME", "/home/me")
    if given is None:
        monkeypatch.delenv(key)
    else:
        monkeypatch.setenv(key, given)
    CompiledRunner(*parts_of(make_gan()))
    assert os.environ[key] == ("/mine" if given == "/mine" else "/home/me/.cache/gan_zoo/compiled")


def test_missing_gpu_beside_a_cuda_compiler_is_not_warned_of():
    assert not logging.getLogger("torch.utils.cpp_extension").isEnabledFor(logging.WARNING)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param("penalty", marks=TORCH_2_14),
        pytest.param("penalties", marks=TORCH_2_14),
        pytest.param("clip", marks=TORCH_2_12),
    ],
)
def test_compiled_steps_equal_eager_steps(recipe, caplog):
    runner, eager = (
        CompiledRunner(*parts_of(make_gan(recipe))),
        StepRunner(*parts_of(make_gan(recipe))),
    )
    assert_equal_runs(runner, eager, [2], [1], *[[2]] * 6, [3])
    assert not warnings(caplog)


@pytest.mark.slow
@TORCH_2_14  # the defaults of points have penalties
def test_a_compiled_run_resumes_compiled(trained, tmp_path, caplog):
    words = ["dataset=ring", "dataset.count=100", "batch_size=8", "device=cpu", "log_every=3"]
    words += ["architecture.generator.hidden=[8]", "architecture.critic.hidden=[8]", "loss=wgan"]
    trained(tmp_path / "one", *words, "steps=8", "compile=true")
    trained(tmp_path / "two", *words, "steps=5", "compile=true")
    trained(tmp_path / "two", *words, "steps=8", "compile=true")
    one, two = (
        checkpoints.load(checkpoints.latest_path(tmp_path / name)) for name in ("one", "two")
    )
    assert one["compiled"]
    assert not any("falling back" in line for line in warnings(caplog))
    for name in ("generator", "critic", "ema"):
        assert all(torch.equal(one[name][key], two[name][key]) for key in one[name])
    trained(tmp_path / "eager", *words, "steps=8", "compile=false")
    eager = checkpoints.load(checkpoints.latest_path(tmp_path / "eager"))
    for key, weight in one["generator"].items():
        torch.testing.assert_close(weight, eager["generator"][key], rtol=0.01, atol=1e-3)


def warnings(caplog):
    """All messages that gan_zoo has logged."""
    return [r.getMessage() for r in caplog.records if r.name.startswith("gan_zoo")]


def test_torch_2_11_compiles_nothing_on_a_cpu(monkeypatch, caplog):
    monkeypatch.setattr(torch, "__version__", torch.torch_version.TorchVersion("2.11.0+cu130"))
    runner = CompiledRunner(*parts_of(make_gan("clip")))
    assert_equal_runs(runner, StepRunner(*parts_of(make_gan("clip"))), [1], [2])
    (line,) = warnings(caplog)
    assert "(torch 2.11.0+cu130 compiles wrong steps on a CPU; use torch 2.12)" in line


class Unknown(torch.optim.SGD):
    """An optimizer without a traceable update."""


def refuse(*_):
    raise RuntimeError("no compiler\nand much more")


@pytest.mark.parametrize("where", [CompiledRunner, critic_only, critic_and_generator])
def test_compile_errors_fall_back_to_eager_with_one_warning(where, monkeypatch, caplog):
    """Fails for all steps, or for one of them; the other then stands in for a compiled one."""
    if where is CompiledRunner:
        monkeypatch.setattr(compiled, "TraceableStep", refuse)
    else:
        steps = {
            critic_only: critic_only,
            critic_and_generator: critic_and_generator,
            where: refuse,
        }
        monkeypatch.setattr(compiled, "_compile", steps.get)
        monkeypatch.setattr(compiled, "TraceableStep", WithoutGraph)
        monkeypatch.setattr(traceable, "TraceableEMA", WithoutGraph)
    with caplog.at_level(logging.WARNING):
        runner = make_runner(*parts_of(make_gan()), 2, 1)
        assert_equal_runs(runner, StepRunner(*parts_of(make_gan())), [2], [2], [1])
    assert warnings(caplog) == [
        "compile       compilation failed, falling back to eager (no compiler)"
    ]


class WithoutGraph:
    """An eager optimizer step or EMA with the methods of a traceable one."""

    def __init__(self, eager):
        self.eager = eager

    def __getattr__(self, name):
        return getattr(self.eager, name)

    def __call__(self, loss, values):
        return self.eager(loss, values)

    def before(self):
        pass

    def after(self):
        pass


def test_an_untraceable_optimizer_is_named(caplog):
    gan = make_gan()
    gan.critic_optimizer = Unknown(gan.critic.parameters(), lr=0.1)
    gan.__post_init__()
    with caplog.at_level(logging.WARNING):
        run_steps(make_runner(*parts_of(gan), 2, 1), [2])
    assert "no traceable update for Unknown" in caplog.text


def test_errors_of_later_steps_are_raised(monkeypatch):
    failing = [False]

    def step(gan, *given):
        if failing[0]:
            raise ValueError("later")
        return {}

    monkeypatch.setattr(compiled, "_compile", lambda *_: step)
    runner = CompiledRunner(*parts_of(make_gan()))
    run_steps(runner, [2])
    failing[0] = True
    with pytest.raises(ValueError, match="later"):
        run_steps(runner, [2])


def test_long_runs_of_perceptrons_are_compiled():
    from gan_zoo.architectures import dcgan

    gan = make_gan()
    assert should_compile(gan, 100_000)
    assert not should_compile(gan, 1000)
    gan.critic = dcgan.critic((1, 16, 16), 1, width=4)
    assert not should_compile(gan, 10**9)


def test_steps_per_graph_divide_the_gap_between_callbacks(monkeypatch):
    gan = make_gan()
    assert steps_per_graph(gan, 1, 50) == 1
    monkeypatch.setattr(GANState, "device", torch.device("cuda"))
    assert [steps_per_graph(gan, 1, gap) for gap in (50, 7, 31, 37, 0)] == [25, 7, 31, 1, 32]
    assert [steps_per_graph(gan, n_critic, 50) for n_critic in (5, 63, 100)] == [10, 1, 1]


def test_bf16_applies_to_network_passes_only():
    low, full = (make_gan("penalty", precision=name) for name in ("bf16", "fp32"))
    x, y = torch.rand(6, 2), torch.zeros(6, dtype=torch.int64)
    for gan in (low, full):
        for network in (gan.generator, gan.critic, gan.ema.network):
            network.float()
        noise = NoiseSampler(gan, (2,), 6, 0, Ranks())
        critic_and_generator(gan, x, y, noise.of_critic(), noise.of_generator())
    assert all(pair.score.dtype == pair.x.dtype == torch.float32 for pair in low.scored)
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in low.critic.parameters())
    scores = [gan.scored[0].score for gan in (low, full)]
    assert not torch.equal(*scores)
    torch.testing.assert_close(*scores, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("recipe", RECIPES)
def test_code_around_a_cuda_graph_changes_nothing(recipe, monkeypatch, caplog):
    replace_cuda(monkeypatch)
    runner = RerunningRunner(*parts_of(make_gan(recipe)), [2] * 3)
    assert_equal_runs(
        runner, StepRunner(*parts_of(make_gan(recipe))), [4], [2, 2, 2], [2], *[[2, 2, 2]] * 3, [1]
    )
    assert not warnings(caplog)


def test_capture_errors_fall_back_to_eager_with_one_warning(monkeypatch, caplog):
    replace_cuda(monkeypatch)
    monkeypatch.setattr(cuda_graph, "_totals", refuse)
    runner = RerunningRunner(*parts_of(make_gan()), [2, 2])
    with caplog.at_level(logging.WARNING):
        assert_equal_runs(runner, StepRunner(*parts_of(make_gan())), [2, 2], [2, 2], [3])
    assert warnings(caplog) == [
        "compile       compilation failed, falling back to eager (no compiler)"
    ]


@ON_GPU
@pytest.mark.parametrize("recipe", RECIPES)
def test_captured_steps_equal_eager_steps(recipe, caplog):
    runner = CudaGraphRunner(*parts_of(make_gan(recipe, "cuda")), [2] * 3)
    eager = StepRunner(*parts_of(make_gan(recipe, "cuda")))
    assert_equal_runs(runner, eager, [4], [2, 2, 2], [2], *[[2, 2, 2]] * 3, [1])
    assert not warnings(caplog)
