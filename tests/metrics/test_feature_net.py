"""Feature networks: training, caching, and the image metrics measured with them."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch

from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.data.loader import to_float
from gan_zoo.data.mnist import MNIST
from gan_zoo.evaluation.config import Evaluation
from gan_zoo.evaluation.evaluator import Evaluator
from gan_zoo.evaluation.images import ImageMetrics
from gan_zoo.evaluation.result import FakeBatch
from gan_zoo.metrics.classes import class_shares
from gan_zoo.metrics.feature_cache import Cache
from gan_zoo.metrics.feature_net import (
    FeatureNet,
    FeatureNetConfig,
    accuracy,
    feature_extractor,
    resize_protocol,
    train_feature_net,
    weights_hash,
)
from gan_zoo.metrics.feature_tasks import RotationTask, snake_case, task_for, unfit_reason
from gan_zoo.metrics.modes import reverse_kl
from gan_zoo.schema import ConfigError
from gan_zoo.training.numerics import deterministic

CPU = torch.device("cpu")
SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def test_network_learns_the_classes(glyphs, extractor):
    assert accuracy(extractor.net, glyphs.load("test"), extractor.task) > 0.95


def test_training_is_reproducible_and_keeps_the_rng(train):
    state = torch.get_rng_state()
    recipe = FeatureNetConfig(epochs=1, least_steps=2, batch_size=8)
    small = dataclasses.replace(train, x=train.x[:16], y=train.y[:16])
    first, second = (train_feature_net(small, task_for(small), recipe, CPU) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert weights_hash(first) == weights_hash(second)
    assert weights_hash(first) != weights_hash(FeatureNet(1, 4))


def test_floats_are_rounded_to_bytes(train, extractor):
    bytes_seen, floats_seen = extractor(train.x[:20]), extractor(to_float(train.x[:20]))
    assert torch.equal(bytes_seen.features, floats_seen.features)
    assert bytes_seen.features.shape == (20, 128)
    assert bytes_seen.features.dtype == torch.float64
    assert bytes_seen.probabilities.sum(1).tolist() == pytest.approx([1.0] * 20)


def test_unlabeled_images_have_the_rotation_task(unlabeled):
    task = task_for(unlabeled)
    assert task == RotationTask()
    x, turns = task.make_task(unlabeled.x, unlabeled.y, torch.Generator().manual_seed(0))
    assert turns.unique().tolist() == [0, 1, 2, 3]
    k = int(turns[0])
    assert torch.equal(x[0], unlabeled.x[0].rot90(k, (1, 2)))
    wide = InMemoryDataset(torch.zeros(4, 1, 8, 16, dtype=torch.uint8), torch.zeros(4).long())
    with pytest.raises(ConfigError, match="neither labeled nor square"):
        task_for(wide)


@pytest.mark.parametrize("classes", [1, 3])
def test_points_have_no_feature_network(classes):
    points = InMemoryDataset(torch.randn(12, 2), torch.arange(12) % classes, classes)
    assert unfit_reason(points) == "need a feature network of images, and these samples are none"


def test_network_is_trained_once_and_cached(tmp_path, unlabeled, brief, monkeypatch):
    cache = Cache(tmp_path)
    first = feature_extractor(unlabeled, unlabeled, cache, CPU)
    monkeypatch.setattr(
        "gan_zoo.metrics.feature_net.train_feature_net", None
    )  # would fail if called
    second = feature_extractor(unlabeled, unlabeled, cache, CPU)
    assert (first.identity, first.accuracy) == (second.identity, second.accuracy)
    assert len(list(tmp_path.iterdir())) == 1


def test_network_may_use_any_algorithm_of_a_gpu(tmp_path, unlabeled, monkeypatch):
    allowed = []

    def train(*args):
        allowed.append(not torch.are_deterministic_algorithms_enabled())
        return train_feature_net(*args)

    monkeypatch.setattr("gan_zoo.metrics.feature_net.train_feature_net", train)
    with deterministic(True):
        feature_extractor(unlabeled, unlabeled, Cache(tmp_path), CPU)
        assert torch.are_deterministic_algorithms_enabled()
    assert allowed == [True]
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        feature_extractor(unlabeled, unlabeled, Cache(tmp_path / "other"), CPU)
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_first_of_two_equal_results_is_cached(tmp_path):
    cache = Cache(tmp_path)

    def make() -> dict:
        cache.get_or_compute("name", lambda: {"by": "other"})
        return {"by": "me"}

    assert cache.get_or_compute("name", make)["by"] == "other"
    assert [path.name for path in tmp_path.iterdir()] == ["name.pt"]


def test_results_are_cached_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    for make in (lambda: {"one": 1}, dict):
        assert Cache(tmp_path).get_or_compute("name", make)["one"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["name.pt"]


def test_damaged_cache_file_is_computed_again(tmp_path, caplog):
    (tmp_path / "name.pt").write_bytes(b"not a file of torch")
    for make in (lambda: {"one": 1}, dict):
        assert Cache(tmp_path).get_or_compute("name", make)["one"] == 1
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'name.pt'} is damaged; computing it again"
    ]


def test_only_large_images_are_resized():
    assert resize_protocol((1, 28, 28)) == "none"
    assert resize_protocol((3, 64, 48)) == "bilinear, antialiased, to (32, 24)"


def test_class_shares_by_hand():
    found = class_shares(torch.tensor([[0.95, 0.05, 0.0], [0.6, 0.4, 0.0], [0.05, 0.95, 0.0]]))
    assert found.histogram.tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert (found.covered, found.confident) == (2, pytest.approx(2 / 3))
    assert found.entropy == pytest.approx(math.log(3) - 2 / 3 * math.log(2))
    even = torch.ones(3) / 3
    assert reverse_kl(found.histogram, even) == pytest.approx(math.log(3) - found.entropy)


@pytest.fixture(scope="module")
def evaluator(glyphs, train, extractor, tmp_path_factory):
    settings = Evaluation(num_samples=300, cache=str(tmp_path_factory.mktemp("cache")))
    evaluator = Evaluator(glyphs, train.unlabeled(), settings, CPU)
    evaluator.metrics.extractor = extractor  # saves training another
    return evaluator


def test_network_is_trained_when_first_needed(glyphs, tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(
        "gan_zoo.metrics.feature_net.train_feature_net", lambda *_: trained.append(1)
    )
    metrics = ImageMetrics(glyphs, 300, 0, Cache(tmp_path), CPU)
    assert metrics.available.select(["fast"])
    assert metrics.available.primary_metric == "metric/frechet_glyphs_cnn"
    assert not trained
    with pytest.raises(AttributeError):  # of the stand-in for the network
        metrics.groups["frechet"](FakeBatch(torch.zeros(4, 1, 16, 16), torch.zeros(4)))
    assert trained


def test_unwritable_cache_computes_again_and_warns(tmp_path, caplog):
    (tmp_path / "file").touch()
    cache, made = Cache(tmp_path / "file" / "sub"), []
    for _ in range(2):
        assert cache.get_or_compute("name", lambda: made.append(1) or {"one": 1}) == {"one": 1}
    assert len(made) == 2
    assert "could not be written: Not a directory; going on" in caplog.text


def measured(evaluator, x):
    fakes = FakeBatch(x, torch.zeros(len(x), dtype=torch.int64))
    found = evaluator.measure(fakes, evaluator.metrics.available.select(["all"])).numbers
    return {tag.removesuffix("_glyphs_cnn").removeprefix("metric/"): v for tag, v in found.items()}


def test_every_metric_separates_real_collapsed_and_noise(evaluator, train):
    real = measured(evaluator, to_float(train.x[:300]))
    one = measured(evaluator, to_float(train.x[:1]).expand(300, -1, -1, -1))
    rng = torch.Generator().manual_seed(0)
    noise = measured(evaluator, 2 * torch.rand(300, 1, 16, 16, generator=rng) - 1)
    assert real["coverage"] > 0.9
    assert real["precision"] > 0.7
    assert real["recall"] > 0.7
    assert real["classes_covered"] == 4
    assert real["largest_share"] < 0.4
    for bad in (one, noise):
        assert bad["frechet"] > 10 * real["frechet"]
        assert bad["kernel_distance"] > 10 * abs(real["kernel_distance"])
        assert bad["recall"] < 0.1
        assert bad["coverage"] < 0.1
    assert noise["precision"] < 0.1
    assert noise["density"] < 0.1
    assert noise["nearest_ratio"] > 2
    assert (one["classes_covered"], one["largest_share"], one["class_entropy"]) == (1, 1, 0)
    assert one["nearest_ratio"] == 0  # it is a training image


def test_label_accuracy_compares_requested_and_predicted(evaluator, train):
    fakes = FakeBatch(to_float(train.x[:100]), train.y[:100], num_classes=4)
    found = evaluator.measure(fakes, ["classes"]).numbers
    assert found["metric/label_accuracy_glyphs_cnn"] > 0.9
    two = dataclasses.replace(fakes, y=fakes.y % 2)
    by_class = evaluator.measure(two, ["classes"]).histograms[
        "metric/label_accuracy_by_class_glyphs_cnn"
    ]
    assert [share is None for share in by_class] == [False, False, True, True]
    wrong = dataclasses.replace(fakes, y=(fakes.y + 1) % 4)
    assert evaluator.measure(wrong, ["classes"]).numbers["metric/label_accuracy_glyphs_cnn"] < 0.1


def test_every_metric_has_its_protocol_and_suffix(evaluator, train, extractor):
    fakes = FakeBatch(to_float(train.x[:50]), train.y[:50])
    found = evaluator.measure(fakes, evaluator.metrics.available.select(["all"]))
    assert set(found.protocols) == set(found.numbers)
    assert all(tag.endswith("_glyphs_cnn") for tag in found.numbers)
    assert {*evaluator.metrics.available.tags_of(evaluator.metrics.available.select(["all"]))} == {
        *found.numbers
    }
    protocol = found.protocols["metric/frechet_glyphs_cnn"]
    assert (protocol["n"], protocol["n_reference"], protocol["reference"]) == (50, 300, "test")
    assert protocol["feature_net"] == extractor.identity
    assert protocol["feature_net_accuracy"] == 0.99
    assert "feature_net_accuracy" not in evaluator.metrics.protocol_of("inception")
    assert evaluator.metrics.protocol_of("inception").items() <= protocol.items()
    pixels = found.pictures["nearest"]
    assert pixels.shape[-1] == 3
    assert pixels.shape[0] == pixels.shape[1]  # 8 rows of 4 fakes, each beside its nearest


def test_nearest_ratio_is_unknown_where_test_images_are_training_images(evaluator, monkeypatch):
    copies = dataclasses.replace(evaluator.metrics.reference, nearest=0.0)
    monkeypatch.setitem(vars(evaluator.metrics), "reference", copies)
    assert math.isnan(measured(evaluator, torch.zeros(300, 1, 16, 16))["nearest_ratio"])


def test_groups_are_selected_by_name(evaluator):
    assert evaluator.metrics.available.select(["fast", "frechet"]) == [
        "frechet",
        "manifold",
        "classes",
    ]
    assert "inception" not in evaluator.metrics.available.select(["all"])
    with pytest.raises(ConfigError, match="did you mean manifold"):
        evaluator.metrics.available.select(["manifolds"])


def test_dataset_names_in_tags():
    assert [snake_case(n) for n in ("MNIST", "FashionMNIST", "ImageFolder", "CIFAR10")] == [
        "mnist",
        "fashion_mnist",
        "image_folder",
        "cifar10",
    ]


@pytest.mark.skipif(not (SHARED / "MNIST").exists(), reason="needs MNIST's files")
def test_real_digits_are_close_to_real_digits(tmp_path, monkeypatch):
    recipe = FeatureNetConfig(epochs=0, least_steps=60)  # enough to see digits by
    monkeypatch.setattr("gan_zoo.metrics.feature_net.FeatureNetConfig", lambda: recipe)
    dataset = MNIST(root=str(SHARED))
    train = dataset.load("train")
    settings = Evaluation(num_samples=1000, metrics=("fast",), cache=str(tmp_path))
    evaluator = Evaluator(dataset, train.unlabeled(), settings, CPU)
    x = to_float(train.x[:1000])
    found = evaluator.measure(FakeBatch(x, train.y[:1000]), evaluator.names).numbers
    noise = 2 * torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) - 1
    bad = evaluator.measure(FakeBatch(noise, train.y[:1000]), evaluator.names).numbers
    assert found["metric/coverage_mnist_cnn"] > 0.9
    assert found["metric/frechet_mnist_cnn"] < bad["metric/frechet_mnist_cnn"] / 100
