"""Inception metrics: the wiring to torch-fidelity, and one line where it is missing."""

import sys

import pytest
import torch

from gan_zoo.metrics.inception import inception_numbers, inception_protocol
from gan_zoo.schema import ConfigError

CPU = torch.device("cpu")


def images(seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(256, (30, 1, 8, 8), generator=rng, dtype=torch.uint8)


def test_metrics_of_another_extractor():
    base = pytest.importorskip(
        "torch_fidelity.feature_extractor_base", reason="the optional extra fid"
    )

    class Means(base.FeatureExtractorBase):
        """Features that need no weights: means of the rows; logits: their first ten."""

        def __init__(self, name, features_list, **_):
            super().__init__(name, features_list)

        @staticmethod
        def get_provided_features_list():
            return ("features", "logits")

        @staticmethod
        def get_default_feature_layer_for_metric(metric):
            return {"isc": "logits"}.get(metric, "features")

        @staticmethod
        def can_be_compiled():
            return False

        @staticmethod
        def get_dummy_input_for_compile():
            return images(0).expand(-1, 3, -1, -1)

        def forward(self, x):
            seen = {"features": x[:, 0].float().mean(2) / 255, "logits": x[:, 1, 0].float() / 255}
            return tuple(seen[name] for name in self.features_list)

    fidelity = pytest.importorskip("torch_fidelity")
    fidelity.register_feature_extractor("means", Means)
    same = inception_numbers(images(0), images(0), CPU, "means")
    other = inception_numbers(images(0), images(1) // 2, CPU, "means")
    assert same["metric/fid"] == pytest.approx(0, abs=1e-6)
    assert other["metric/fid"] > 0.1
    assert other["metric/kid"] > same["metric/kid"]
    assert 1 <= other["metric/inception_score"] < 8
    assert "torch-fidelity" in inception_protocol()["library"]


def test_missing_library_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ConfigError, match=r"pip install .*\[fid\]"):
        inception_numbers(images(0), images(1), CPU)


def test_missing_weights_are_one_line(monkeypatch):
    fidelity = pytest.importorskip("torch_fidelity", reason="the optional extra fid")

    def offline(**_):
        raise OSError("Name or service not known")

    monkeypatch.setattr(fidelity, "calculate_metrics", offline)
    with pytest.raises(ConfigError, match="weights could not be downloaded"):
        inception_numbers(images(0), images(1), CPU)
