"""Loading of batches: order, placement, and prefetching of the same batches."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gan_zoo.data import placement
from gan_zoo.data.glyphs import Glyphs
from gan_zoo.data.in_memory import HostDataset, InMemoryDataset
from gan_zoo.data.loader import BatchLoader, PrefetchLoader, to_bytes
from gan_zoo.data.mixtures import Ring
from gan_zoo.data.placement import place_data
from gan_zoo.schema import ConfigError

CPU = torch.device("cpu")


@pytest.fixture
def numbered():
    """40 images that hold their own numbers; labels are these modulo 4."""
    y = torch.arange(40)
    return InMemoryDataset(
        y.to(torch.uint8).view(40, 1, 1, 1).expand(40, 1, 2, 2).contiguous(), y % 4, 4
    )


def numbers(batch):
    return to_bytes(batch[0])[:, 0, 0, 0].tolist()


def on_host(samples, workers):
    return HostDataset(samples.x, samples.y, samples.num_classes, target=CPU, workers=workers)


def test_every_epoch_shuffles_all_samples(numbered):
    loader = BatchLoader(numbered, batch_size=7, seed=1)  # 7 does not divide 40
    given = [number for _ in range(40) for number in numbers(loader.next())]
    assert loader.position == len(given) == 280
    epochs = [given[start : start + 40] for start in range(0, 280, 40)]
    assert all(sorted(epoch) == list(range(40)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 7


def test_batches_are_full_and_labels_match(numbered):
    loader = BatchLoader(numbered, batch_size=32, seed=0)
    for _ in range(5):
        x, y = loader.next()
        assert x.shape == (32, 1, 2, 2)
        assert x.dtype == torch.float32
        assert -1 <= x.min() < x.max() < 1
        assert [n % 4 for n in numbers((x, y))] == y.tolist()


@pytest.mark.parametrize("workers", [1, 3])
def test_prefetch_gives_the_same_batches(numbered, workers):
    direct = numbered.loader(16, seed=5)
    prefetch = on_host(numbered, workers).loader(16, seed=5)
    assert (type(direct), type(prefetch)) == (BatchLoader, PrefetchLoader)
    for _ in range(8):
        for ours, theirs in zip(direct.next(), prefetch.next(), strict=True):
            assert torch.equal(ours, theirs)
        assert direct.position == prefetch.position


def test_prefetch_of_points():
    samples = Ring(count=50).load()
    prefetch = on_host(samples, 1).loader(20, seed=2)
    assert torch.equal(prefetch.next()[0], samples.loader(20, seed=2).next()[0])


@pytest.mark.parametrize("workers", [None, 1, 2])
def test_loader_resumes_from_position(numbered, workers):
    samples = numbered if workers is None else on_host(numbered, workers)
    whole = samples.loader(9, seed=3)
    batches = [numbers(whole.next()) for _ in range(10)]
    resumed = samples.loader(9, seed=3)
    resumed.position = 9 * 6
    assert [numbers(resumed.next()) for _ in range(4)] == batches[6:]
    resumed.position = 9 * 2  # backwards, with batches already fetched ahead
    assert numbers(resumed.next()) == batches[2]


def test_prefetch_leaves_torch_rng_unchanged(numbered):
    torch.manual_seed(0)
    expected = torch.get_rng_state()
    prefetch = on_host(numbered, 2).loader(8, seed=0)
    prefetch.next(), prefetch.next()
    assert torch.equal(torch.get_rng_state(), expected)


def test_other_seeds_give_other_orders(numbered):
    orders = [numbers(numbered.loader(40, seed).next()) for seed in (0, 1, 2**31)]
    assert len(set(map(tuple, orders))) == 3


def place(on_device, numbered, monkeypatch, memory):
    monkeypatch.setattr(placement, "_available_memory", lambda _: memory)
    return place_data(numbered, CPU, Glyphs(on_device=on_device, workers=3))


@pytest.mark.parametrize(
    ("on_device", "memory", "kind"),
    [
        ("auto", 1e9, InMemoryDataset),
        ("auto", 900, HostDataset),  # 480 bytes of 900 are more than half
        ("auto", 960, InMemoryDataset),
        (False, 1e9, HostDataset),
        (True, 10, InMemoryDataset),
    ],
)
def test_samples_are_on_the_device_if_they_fit(
    on_device, memory, kind, numbered, monkeypatch, caplog
):
    with caplog.at_level(logging.INFO):
        placed = place(on_device, numbered, monkeypatch, memory)
    assert type(placed) is kind
    assert placed.device == CPU
    assert (placed.shape, placed.num_classes, len(placed)) == ((1, 2, 2), 4, 40)
    assert placed.fingerprint() == numbered.fingerprint()
    word = "resident" if kind is InMemoryDataset else "streamed to cpu by 3 threads"
    assert f"40 samples of 1x2x2, 0.0 MB of {memory / 1e6:,.0f}: {word}" in caplog.text


def test_on_device_out_of_memory_is_one_line(numbered, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory\nlots of words")

    monkeypatch.setattr(InMemoryDataset, "to", full)
    with pytest.raises(ConfigError, match=r"dataset\.on_device=true: .* do not fit on cpu"):
        place_data(numbered, CPU, Glyphs(on_device=True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_prefetch_to_gpu_gives_the_same_batches(numbered):
    device = torch.device("cuda")
    placed = [place_data(numbered, device, Glyphs(on_device=r)) for r in (True, False)]
    direct, prefetch = (samples.loader(16, seed=5) for samples in placed)
    for _ in range(8):
        for ours, theirs in zip(direct.next(), prefetch.next(), strict=True):
            assert theirs.is_cuda
            assert torch.equal(ours, theirs)


def test_unlabeled_samples_are_one_class(numbered):
    for samples in (numbered, on_host(numbered, 1)):
        plain = samples.unlabeled()
        assert type(plain) is type(samples)
        assert plain.num_classes == 1
        assert not plain.y.any()
        assert torch.equal(plain.x, samples.x)


def test_sample_with_labels(numbered):
    wanted = torch.tensor([3, 3, 0, 1, 3, 0])
    places = numbered.sample_with_labels(wanted, torch.Generator().manual_seed(1))
    assert torch.equal(numbered.y[places], wanted)
    assert len(set(places.tolist())) == 6
    again = numbered.sample_with_labels(wanted, torch.Generator().manual_seed(1))
    assert torch.equal(places, again)
    # more than there are: some are repeated; a label that nothing has: anything will do
    assert (
        len(numbered.sample_with_labels(torch.zeros(25, dtype=torch.int64), torch.Generator()))
        == 25
    )
    assert len(numbered.sample_with_labels(torch.tensor([9]), torch.Generator())) == 1


def test_fingerprint_depends_on_samples_labels_and_order(numbered):
    flipped = torch.arange(39, -1, -1)
    others = [
        numbered,
        InMemoryDataset(numbered.x + 1, numbered.y, 4),
        InMemoryDataset(numbered.x, (numbered.y + 1) % 4, 4),
        InMemoryDataset(numbered.x[flipped], numbered.y[flipped], 4),
        InMemoryDataset(numbered.x.view(40, 1, 4, 1), numbered.y, 4),
    ]
    assert len({samples.fingerprint() for samples in others}) == len(others)
    known = InMemoryDataset(numbered.x, numbered.y, 4, digest="0" * 64)
    assert known.fingerprint() != numbered.fingerprint()  # a digest that is given is believed


JOBS = """
from joblib.externals.loky import get_reusable_executor

def job(seed):
    import torch
    from gan_zoo.data.mixtures import Ring
    from gan_zoo.data.in_memory import HostDataset

    samples = Ring(count=64).load()
    cpu = torch.device("cpu")
    prefetch = HostDataset(samples.x, samples.y, target=cpu, workers=2).loader(16, seed)
    return torch.equal(prefetch.next()[0], samples.loader(16, seed).next()[0])

with get_reusable_executor(max_workers=1) as executor:
    print(list(executor.map(job, range(2))))
"""


def test_prefetch_works_in_joblib_processes():
    pytest.importorskip("joblib")
    ran = subprocess.run(
        [sys.executable, "-c", JOBS],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=120,
    )
    assert ran.stdout.strip() == "[True, True]", ran.stderr


def test_runs_on_device_and_streamed_are_equal(trained, tmp_path):
    small = ["dataset.count=300", "steps=4", "batch_size=16", "log_every=1", "device=cpu"]
    small += ["architecture.generator.hidden=[8]", "architecture.critic.hidden=[8]"]
    lasts = []
    for on_device in ("true", "false"):
        override = f"dataset.on_device={on_device}"
        summary = trained(tmp_path / on_device, *small, override, "dataset.workers=1")
        last = {k: v for k, v in summary["last"].items() if not k.startswith("perf/")}
        lasts.append((summary["dataset_fingerprint"], last))
    assert lasts[0] == lasts[1]


@pytest.mark.parametrize("workers", [None, 2])
def test_class_balanced_loader_balances_and_resumes(workers):
    """Of 60, 30, 9 and 1 samples: in 200 batches of 8 each class comes 400 times, if it comes."""
    y = torch.tensor([0] * 60 + [1] * 30 + [3] * 9 + [4])
    x = torch.arange(100, dtype=torch.uint8).view(100, 1, 1, 1)
    samples = InMemoryDataset(x, y, 5)
    samples = samples if workers is None else on_host(samples, workers)
    loader = samples.loader(8, seed=4, class_balanced=True)
    batches = [loader.next() for _ in range(200)]
    labels = torch.cat([labels for _, labels in batches])
    assert labels.bincount().tolist() == [400, 400, 0, 400, 400]
    shown = [number for batch in batches for number in numbers(batch)]
    assert set(shown) == set(range(100))
    first_class = torch.tensor(shown).bincount()[:60].float()
    assert 1 < first_class.std() < 5  # of 400 samples among 60: 2.6
    assert all(y[n] == label for n, label in zip(shown, labels.tolist(), strict=True))
    resumed = samples.loader(8, seed=4, class_balanced=True)
    resumed.position = 8 * 150
    assert [numbers(resumed.next()) for _ in range(50)] == [numbers(b) for b in batches[150:]]
