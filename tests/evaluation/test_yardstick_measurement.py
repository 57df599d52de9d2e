"""Yardsticks: every metric worsens with the damage that it sees; runs and evaluations say so."""

import itertools
import json
from pathlib import Path

import pytest
import torch

from gan_zoo.data.glyphs import Glyphs
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.data.mixtures import Grid, Ring
from gan_zoo.evaluation.arguments import parse
from gan_zoo.evaluation.damaged_samples import DamagedImages, blur, drop_pixels
from gan_zoo.evaluation.images import ImageMetrics
from gan_zoo.evaluation.mixtures import MixtureMetrics
from gan_zoo.evaluation.offline import OfflineEvaluator
from gan_zoo.evaluation.result import FakeBatch
from gan_zoo.evaluation.result_table import format_results
from gan_zoo.evaluation.yardstick_measurement import load_yardsticks, measure_yardsticks
from gan_zoo.metrics.damage import IMAGE_DAMAGE, MISSING_CLASSES, POINT_DAMAGE
from gan_zoo.metrics.feature_cache import Cache
from gan_zoo.metrics.feature_net import (
    FeatureExtractor,
    FeatureNetConfig,
    task_for,
    train_feature_net,
)
from gan_zoo.metrics.metric_info import IMAGE_METRICS, MIXTURE_METRICS, MetricGroups, MetricInfo
from gan_zoo.metrics.yardstick import Yardstick

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
IMAGE_GROUPS = ("frechet", "kernel", "manifold", "classes")


@pytest.fixture(scope="module")
def image_metrics(tmp_path_factory) -> ImageMetrics:
    digits = Glyphs(count=3000)
    task = task_for(digits.train)
    net = train_feature_net(digits.train, task, FeatureNetConfig(epochs=1, least_steps=60), CPU)
    metrics = ImageMetrics(digits, 500, 0, Cache(tmp_path_factory.mktemp("cache")), CPU)
    metrics.extractor = FeatureExtractor(task, net, 0.99)
    return metrics


@pytest.fixture(scope="module")
def yardsticks(image_metrics) -> dict[str, Yardstick]:
    """Yardsticks of all image metrics, by name."""
    found = measure_yardsticks(image_metrics.dataset, image_metrics, IMAGE_GROUPS, 500)
    return {tag[len("metric/") : -len("_glyphs_cnn")]: each for tag, each in found.items()}


def check_worsening(yardstick: Yardstick, sees) -> None:
    """Check that a metric gets worse, or stays as bad as it can be, on every point it claims."""
    assert [curve.damage for curve in yardstick.curves] == list(sees)
    for curve in yardstick.curves:
        sign = -1 if curve.higher_is_better else 1
        values = [sign * value for _, value in curve.points]
        assert all(later >= earlier for earlier, later in itertools.pairwise(values)), curve
        assert values[1] > values[0], curve
        assert values[-1] > values[1], curve


def directed(groups: MetricGroups) -> list[MetricInfo]:
    """List the metrics of groups that have a direction."""
    return [m for group in groups.values() for m in group if m.higher_is_better is not None]


IMAGE_DIRECTED, POINT_METRICS = directed(IMAGE_METRICS), directed(MIXTURE_METRICS)
SEEING = [metric for metric in IMAGE_DIRECTED if metric.sees]


@pytest.mark.parametrize("metric", SEEING, ids=lambda metric: metric.name)
def test_image_metric_worsens_along_its_curves(yardsticks, metric):
    check_worsening(yardsticks[metric.name], metric.sees)


def test_only_counted_classes_have_no_curve():
    assert [metric.name for metric in IMAGE_DIRECTED if not metric.sees] == ["classes_covered"]


@pytest.mark.parametrize("dataset", [Ring(), Grid()], ids=["ring", "grid"])
def test_mixture_metrics_worsen_along_their_curves(dataset):
    metrics = MixtureMetrics(dataset, 2000, 0, CPU)
    found = measure_yardsticks(dataset, metrics, list(MIXTURE_METRICS), 2000)
    assert set(found) == {metric.tag() for metric in POINT_METRICS}
    for metric in POINT_METRICS:
        check_worsening(found[metric.tag()], metric.sees)


def test_precision_ignores_missing_classes(image_metrics):
    damaged = DamagedImages(image_metrics.dataset.train, 500, 0)
    *_, one_class = (x for damage, _, x in damaged if damage is MISSING_CLASSES)
    every, one = (
        image_metrics.groups["manifold"](FakeBatch(x, torch.zeros(500))).numbers
        for x in (damaged.undamaged, one_class)
    )
    tag = "metric/{}_glyphs_cnn".format
    assert one[tag("precision")] > 0.95 * every[tag("precision")]
    assert one[tag("recall")] < 0.2 * every[tag("recall")]


def test_documentation_states_what_each_metric_sees():
    text = (ROOT / "docs" / "metrics.md").read_text()
    for damages, metrics in ((IMAGE_DAMAGE, IMAGE_DIRECTED), (POINT_DAMAGE, POINT_METRICS)):
        head = "| sees | " + " | ".join(damage.name for damage in damages) + " |"
        rows = text.split(head)[1].split("\n\n")[0].strip().splitlines()[1:]
        cells = [[cell.strip() for cell in row.strip("| ").split("|")] for row in rows]
        stated = {name.strip("`"): marks for name, *marks in cells}
        assert stated == {
            metric.name: ["yes" if damage in metric.sees else "no" for damage in damages]
            for metric in metrics
        }


def test_damage_is_the_same_every_time_and_grows():
    samples = Glyphs(count=60, size=16).train
    first, second = (list(DamagedImages(samples, 50, seed=3)) for _ in range(2))
    assert all(torch.equal(x, y) for (*_, x), (*_, y) in zip(first, second, strict=True))
    whole = DamagedImages(samples, 50, seed=3).undamaged.float()
    for damage in IMAGE_DAMAGE[:-1]:
        changes = [(x - whole).abs().mean() for kind, _, x in first if kind is damage]
        assert changes == sorted(changes)
        assert changes[0] > 0


def test_repeated_images_are_no_yardstick_of_neighbors(tmp_path):
    digits, cache = Glyphs(count=300), Cache(tmp_path)
    for n, known in ((300, True), (301, False)):
        metrics = ImageMetrics(digits, n, 0, cache, CPU)
        found = load_yardsticks(digits, metrics, ["frechet", "manifold"], n, cache)
        assert "metric/frechet_glyphs_cnn" in found
        assert ("metric/recall_glyphs_cnn" in found) == known


def test_few_images_are_repeated():
    x = torch.arange(3, dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 1, 8, 8)
    damaged = DamagedImages(InMemoryDataset(x, torch.tensor([0, 1, 1]), 2), 7, 0)
    assert damaged.undamaged[:, 0, 0, 0].bincount().tolist() in ([3, 2, 2], [2, 3, 2], [2, 2, 3])
    ((count, one),) = [(c, x) for damage, c, x in damaged if damage is MISSING_CLASSES]
    assert (count, len(one)) == (1, 7)
    assert one.unique().tolist() == [0]


def test_unlabeled_images_miss_no_class():
    damaged = DamagedImages(Glyphs(count=20, size=8).train.unlabeled(), 10, 0)
    assert {damage for damage, *_ in damaged} == set(IMAGE_DAMAGE[:-1])


def test_blur_keeps_brightness_and_size():
    x = torch.rand(4, 3, 5, 9, generator=torch.Generator().manual_seed(0))
    assert blur(x, 0.1) == pytest.approx(x, abs=1e-5)
    assert blur(torch.full_like(x, 0.3), 2.0) == pytest.approx(0.3, abs=1e-5)
    assert blur(x, 2.0).shape == x.shape
    assert blur(x, 2.0).std() < x.std() / 2


def test_pixels_drop_in_all_channels():
    x = torch.ones(50, 3, 8, 8)
    dropped = drop_pixels(x, 25, torch.Generator().manual_seed(0))
    assert (dropped == -1).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert torch.equal(dropped[:, 0], dropped[:, 2])


def test_yardstick_is_measured_once(tmp_path, monkeypatch):
    dataset = Ring(count=500)
    metrics = MixtureMetrics(dataset, 50, 0, CPU)
    given = (dataset, metrics, ["divergence"])
    first = load_yardsticks(*given, 50, Cache(tmp_path))
    assert set(first) == {"metric/jsd"}
    # fails if called
    monkeypatch.setattr("gan_zoo.evaluation.yardstick_measurement.measure_yardsticks", None)
    assert load_yardsticks(*given, 50, Cache(tmp_path)) == first
    with pytest.raises(TypeError):  # another number of samples is another protocol
        load_yardsticks(*given, 60, Cache(tmp_path))


def test_slow_groups_have_no_yardstick(image_metrics, tmp_path, monkeypatch):
    measured = []

    def measure(dataset, metrics, names, n):
        measured.append(names)
        return {}

    monkeypatch.setattr("gan_zoo.evaluation.yardstick_measurement.measure_yardsticks", measure)
    for n in (2000, 2001):
        names = ["frechet", "kernel", "manifold", "nearest"]
        load_yardsticks(image_metrics.dataset, image_metrics, names, n, Cache(tmp_path))
    assert (
        load_yardsticks(image_metrics.dataset, image_metrics, ["kernel"], 9, Cache(tmp_path)) == {}
    )
    assert measured == [["frechet", "manifold"], ["frechet"]]


RUN = ["dataset=ring", "dataset.count=500", "batch_size=16", "device=cpu", "steps=4"]
RUN += ["evaluate_every=2", "evaluation.num_samples=50"]


@pytest.fixture(scope="module")
def run(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    trained(folder, *RUN, f"evaluation.cache={folder}/cache")
    return folder


def test_summary_holds_the_yardstick_as_numbers(run):
    found = json.loads((run / "summary.json").read_text())["yardstick"]
    assert set(found["metric/jsd"]) == {damage.name for damage in POINT_DAMAGE}
    assert set(found["metric/sliced_wasserstein"]) == {"missing modes"}
    assert found["metric/modes"]["missing modes"] == {"0": 8, "1": 7, "2": 6, "4": 4, "7": 1}


def test_periodic_evaluation_logs_words(trained, tmp_path, caplog):
    caplog.set_level("INFO")
    trained(tmp_path / "run", *RUN, f"evaluation.cache={tmp_path}")
    logged = [r.message for r in caplog.records if r.message.startswith("step 4: metric/")]
    assert [line.split()[2] for line in logged] == [
        "metric/sliced_wasserstein",
        "metric/high_quality",
    ]
    assert "one mode only" in logged[0] or "modes missing" in logged[0]
    assert "worse than modes 10 times as wide" in logged[1]


def test_offline_evaluation_does_not_round_to_tf32(run, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    OfflineEvaluator(parse([str(run), f"cache={run}/cache"]))
    assert not torch.backends.cudnn.allow_tf32


def test_offline_evaluation_prints_words(run):
    evaluator = OfflineEvaluator(parse([str(run), "num_samples=50", f"cache={run}/cache"]))
    evaluator.evaluate(run)
    text = format_results(evaluator.results)
    _, words = (line for line in text.splitlines() if line.startswith("metric/modes  "))
    assert words.split("  [1] ")[1].startswith(("as far from real as: ", "worse than "))
    assert "metric/modes" in json.loads((run / "evaluation.json").read_text())["yardstick"]
    evaluator.results[run / "other"] = evaluator.results[run]
    text = format_results(evaluator.results)  # of several runs, by few metrics
    assert [text.count(f"metric/{name} ") for name in ("modes", "high_quality")] == [1, 3]
