"""CPU threads: equal results with fewer of them, and adapting to other programs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gan_zoo import checkpoints, cpu_cores
from gan_zoo.build_trainer import build_trainer, load_samples
from gan_zoo.data.placement import place_data
from gan_zoo.experiment import load_experiment
from gan_zoo.schema import ConfigError
from gan_zoo.training import cpu_threads
from gan_zoo.training.cpu_threads import CPUThreads, is_adaptable, use_threads

ROOT = Path(__file__).parents[2]
COUNT = 3  # threads of a run
LOSSES = sorted(path.stem for path in (ROOT / "configs/loss").glob("*.yaml"))
REGULARIZERS = sorted(path.stem for path in (ROOT / "configs/regularizer").glob("*.yaml"))
# hinge's paper has spectral norm, whose products of matrices and vectors are not strict
# in layers of 784 inputs MKL would otherwise sum in other orders with more threads
IMAGES = ["dataset=glyphs", "dataset.count=300", "architecture.generator.hidden=[512]"]
IMAGES += ["recipe=paper"]
POINTS = ["dataset=ring", "dataset.count=300", "recipe=paper"]


@pytest.fixture(autouse=True)
def _threads_afterwards():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def build(composed):
    """A function that builds the trainer of a run on the CPU with `COUNT` threads."""

    def build_from(*words: str):
        torch.set_num_threads(COUNT)
        experiment = load_experiment(composed("device=cpu", "compile=false", *words))
        samples = place_data(load_samples(experiment), experiment.device(), experiment.dataset)
        return build_trainer(experiment, samples)

    return build_from


needs_strict_products = pytest.mark.skipif(
    not cpu_threads._is_strict(), reason="torch without MKL, or MKL began before gan_zoo"
)


def weights_after(trainer, threads: int, steps: int = 3) -> list[torch.Tensor]:
    """Train with fewer threads in the steps, as beside busy programs; return everything learned."""
    trainer.threads._now, trainer.threads._next_look = threads, float("inf")
    trainer.train_steps(steps)
    networks = trainer.gan.generator, trainer.gan.critic, trainer.gan.ema.network
    metrics = trainer.compute_metrics()
    return [v.clone() for n in networks for v in n.state_dict().values()] + [*metrics.values()]


@needs_strict_products
@pytest.mark.parametrize(
    "words",
    [
        *([*IMAGES, f"loss={name}"] for name in LOSSES if name != "hinge"),
        [*IMAGES, "loss=hinge", "regularizer=none"],
        *([*IMAGES, f"regularizer={name}"] for name in REGULARIZERS if name != "spectral_norm"),
        [*IMAGES, "architecture.generator.norm=layer"],
        [*IMAGES, "regularizer=weight_projection", "regularizer.bound=1e-4"],
        [*IMAGES, "conditional=true", "architecture.critic.labels=embedding"],
        [*IMAGES, "optimizer=rmsprop", "batch_size=100", "n_critic=2"],
        *([*POINTS, f"architecture={name}"] for name in ("mlp_points", "toy_tanh")),
        [*POINTS, "batch_size=256", "architecture=mlp_points", "loss=glsgan"],
    ],
    ids=lambda words: " ".join(words[2:]).replace("architecture.generator.hidden=[512] ", ""),
)
def test_fewer_threads_change_no_bit(build, words):
    trainer = build(*words)
    assert is_adaptable(trainer.gan)
    assert trainer.threads.adaptable
    expected = weights_after(trainer, COUNT)
    for threads in (1, 2):
        again = weights_after(build(*words), threads)
        assert all(map(torch.equal, expected, again))


@pytest.mark.parametrize(
    "words",
    [
        ["dataset=glyphs", "dataset.count=300", "architecture=dcgan"],
        [*IMAGES, "architecture=mlp", "precision=bf16"],
        [*POINTS, "architecture=toy_maxout"],  # batch norm
        [*IMAGES, "loss=hinge"],
        [*IMAGES, "regularizer=spectral_norm"],
    ],
)
def test_other_networks_keep_their_threads(build, words):
    assert not build(*words).threads.adaptable


def test_a_typed_number_of_threads_stays(build):
    assert not build(*POINTS, f"threads={COUNT}").threads.adaptable


class Others:
    """Stands in for a measurement of other programs."""

    def __init__(self, free: float):
        self.free = free

    def free_cores(self) -> float:
        return self.free


def adapted(adaptable: bool, free: float, before: CPUThreads | None = None) -> CPUThreads:
    """Return threads that have just looked at other programs."""
    threads = before or CPUThreads(adaptable)
    threads._others, threads._next_look = Others(free), 0.0
    with threads.of_step():
        threads.used = torch.get_num_threads()
    return threads


@pytest.mark.parametrize(("free", "used"), [(3.0, 3), (2.6, 3), (2.4, 2), (1.0, 1), (0.1, 1)])
def test_steps_use_the_cores_that_are_free(free, used):
    torch.set_num_threads(COUNT)
    threads = adapted(True, free)
    assert threads.used == used
    assert (threads._waits._end is not None) == (used < COUNT)
    assert torch.get_num_threads() == COUNT  # evaluations have the run's number
    assert adapted(True, COUNT, threads).used == COUNT
    assert threads._waits._end is None


def test_a_fixed_number_only_waits_less():
    torch.set_num_threads(COUNT)
    threads = adapted(False, 1.0)
    assert threads.used == COUNT
    assert threads._waits._end is not None
    threads.close()
    assert threads._waits._end is None


SHORT_WAITS = """
import os, time
import torch
from gan_zoo.training.cpu_threads import ShortWaits

def count():
    return len(os.listdir("/proc/self/task"))

torch.set_num_threads(2)  # the first number that is set starts threads of torch's own
before, waits = count(), ShortWaits()
waits.begin(2)
waits.begin(2)
print(count() - before)
waits.end()
while count() > before:
    time.sleep(0.01)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux")
def test_short_waits_hold_a_team_of_threads():
    ran = subprocess.run(
        [sys.executable, "-c", SHORT_WAITS],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert int(ran.stdout) == cpu_cores.available_cores() + 1


def test_a_resumed_run_keeps_its_threads(trained, tmp_path):
    words = ["dataset=ring", "sample_every=0", "log_every=2"]
    assert trained(tmp_path, *words, "steps=2", f"threads={COUNT}")["threads"] == COUNT
    assert torch.get_num_threads() == 1  # as before the run
    assert trained(tmp_path, *words, "steps=4")["threads"] == COUNT
    assert trained(tmp_path, *words, "steps=6", "threads=2")["threads"] == 2
    assert checkpoints.latest_valid(tmp_path / "checkpoints")["threads"] == 2


def test_containers_limit_the_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu_cores, "_own_cores", lambda: {f"cpu{i}" for i in range(8)})
    limit = tmp_path / "cpu.max"
    monkeypatch.setattr(cpu_cores, "_LIMIT", limit)
    assert cpu_cores.available_cores() == 8
    for text, cores in (("max 100000", 8), ("250000 100000", 3), ("1000 100000", 1)):
        limit.write_text(f"{text}\n")
        assert cpu_cores.available_cores() == cores
    torch.set_num_threads(4)
    with use_threads("auto", None):
        assert torch.get_num_threads() == 1


def test_free_cores_are_read_from_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu_cores, "_own_cores", lambda: {"cpu0", "cpu2"})
    monkeypatch.setattr(cpu_cores, "_STAT", stat := tmp_path / "stat")
    clock = [100.0]
    monkeypatch.setattr(cpu_cores.time, "monotonic", lambda: clock[0])
    times = cpu_cores.os.times()
    monkeypatch.setattr(cpu_cores.os, "times", lambda: times)  # this process does nothing
    per_second = cpu_cores.os.sysconf("SC_CLK_TCK")
    idle = 0 * per_second

    def write(user: int, foreign: int) -> None:
        lines = ["cpu 9 9 9 9", f"cpu0 {user} 0 0 {idle} 5 0 0 0 0 0", f"cpu1 {foreign} 0 0 0"]
        stat.write_text("\n".join([*lines, "cpu2 0 0 0 7 7 0 0 0 0 0", "intr 1 2"]))

    write(0, 0)
    others = cpu_cores.OtherPrograms()
    clock[0] += 2
    write(int(1.5 * per_second), 10**6)  # cpu1 is not ours
    assert others.free_cores() == pytest.approx(1.25)
    stat.unlink()
    clock[0] += 2
    assert cpu_cores.OtherPrograms().free_cores() == 2


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "true"])
def test_wrong_numbers_of_threads_are_one_line(composed, value):
    with pytest.raises(ConfigError, match=r"^threads=.*: must be an? .*, or auto$|at least 1"):
        load_experiment(composed(f"threads={value}"))


@pytest.mark.parametrize("given", ["", "AVX2"])
def test_products_are_strict_unless_the_user_decided(given):
    script = "import os; import gan_zoo; print(os.environ['MKL_CBWR'])"
    environment = {"PYTHONPATH": str(ROOT / "src"), **({"MKL_CBWR": given} if given else {})}
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == (given or "AUTO,STRICT")


@needs_strict_products
@pytest.mark.slow  # compiles twice
def test_compiled_steps_change_no_bit(build):
    trained = []
    for threads in (COUNT, 1):
        trainer = build(*IMAGES, "compile=true")
        trained.append(weights_after(trainer, threads))
        assert trainer._runner._graphs  # not fallen back to eager steps
    assert all(map(torch.equal, *trained))
