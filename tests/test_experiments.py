"""Every experiment composes and trains, here on few and small glyphs."""

import json
from pathlib import Path

import pytest

EXPERIMENTS = sorted(p.stem for p in (Path(__file__).parents[1] / "configs/experiment").iterdir())
SMALL = ["dataset=glyphs", "dataset.count=200", "batch_size=4", "steps=2", "device=cpu"]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_trains(name, composed, trained, tmp_path):
    few = composed(f"experiment={name}", *SMALL)["dataset"]["labels_per_class"]
    labels = ["dataset.labels_per_class=3"] if few else []
    trained(tmp_path, f"experiment={name}", *SMALL, *labels, "evaluate_every=0", "log_every=1")
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_overrides_change_an_experiment(composed):
    experiment = "experiment=mnist_100_labels"
    assert composed(experiment)["loss"]["margin_scale"] == 1.2
    changed = composed(experiment, "loss.margin_scale=2", "dataset=fashion_mnist")
    assert changed["loss"]["margin_scale"] == 2
    assert changed["dataset"]["_target_"].endswith("FashionMNIST")
    assert changed["dataset"]["labels_per_class"] == 10
