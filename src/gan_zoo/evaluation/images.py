"""Metrics of images, by the features of a network trained on the dataset itself."""

import dataclasses
import functools
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from gan_zoo.architectures.networks import Critic
from gan_zoo.data.loader import to_bytes, to_float
from gan_zoo.evaluation.config import image_groups
from gan_zoo.evaluation.image_reference import NUM_QUERIES, Reference, load_reference
from gan_zoo.evaluation.requirements import check_splits, missing_groups
from gan_zoo.evaluation.result import EvalResult, FakeBatch, Protocol
from gan_zoo.metrics.classes import class_shares, per_class_accuracy
from gan_zoo.metrics.distances import fit, frechet_distance, kernel_distance
from gan_zoo.metrics.feature_cache import Cache
from gan_zoo.metrics.feature_net import (
    FeatureExtractor,
    FeatureOutput,
    feature_extractor,
    resize_protocol,
)
from gan_zoo.metrics.feature_tasks import suffix_of, unfit_reason
from gan_zoo.metrics.inception import inception_numbers, inception_protocol
from gan_zoo.metrics.modes import reverse_kl
from gan_zoo.metrics.precision_recall import Gathered, manifold, nearest
from gan_zoo.training.rng import make_rng

_NUM_SHOWN = 32
_BANK_SIZE = 60_000  # at most so many training images are searched


class ImageMetrics:
    """Compares features of generated images with those of the test split.

    The feature network is trained when it is first needed.

    Args:
        dataset: its settings; n: samples on either side; seed: of the choice of real images.
        cache: of feature networks and references; device: of all computations, with float64.
        conditional: whether the generators are given a class.

    Attributes:
        available: the groups of metrics; groups: the method that measures each, by name.

    Raises ConfigError for test images that are not of the shape of the training images.
    """

    def __init__(
        self,
        dataset: Any,
        n: int,
        seed: int,
        cache: Cache,
        device: torch.device,
        conditional: bool = False,
    ):
        train, self.test = dataset.train, dataset.load("test")
        check_splits(dataset, train, self.test)
        self.dataset, self.seed, self.cache, self.device = dataset, seed, cache, device
        order = torch.randperm(len(self.test), generator=make_rng(seed, "reference"))[:n]
        self.real = dataclasses.replace(
            self.test, x=self.test.x[order], y=self.test.y[order], digest=""
        )
        order = torch.randperm(len(train), generator=make_rng(seed, "bank"))[:_BANK_SIZE]
        self.bank = Gathered(train.x, order)
        self.suffix = suffix_of(dataset, train.num_classes)
        self.available = image_groups(
            self.suffix,
            labeled=train.num_classes > 1,
            conditional=conditional,
            missing=missing_groups(dataset, train, self.test),
        )
        self.groups = {
            "frechet": self._frechet,
            "kernel": self._kernel,
            "manifold": self._manifold,
            "classes": self._classes,
            "nearest": self._nearest,
            "inception": self._inception,
        }
        self._last: tuple[Callable[[], FakeBatch | None], FeatureOutput] | None = None

    @functools.cached_property
    def extractor(self) -> FeatureExtractor:
        """The dataset's feature network."""
        return feature_extractor(self.dataset.train, self.test, self.cache, self.device)

    @functools.cached_property
    def reference(self) -> Reference:
        """Features of the real images."""
        return load_reference(self.real, self.bank, self.extractor, self.cache)

    @functools.cached_property
    def about(self) -> Protocol:
        """What all values depend on, the critic's included."""
        return {
            "dataset": type(self.dataset).__name__,
            "dataset_fingerprint": self.dataset.fingerprint,
        }

    def protocol_of(self, group: str) -> Protocol:
        """Return what a group of metrics depends on besides the generated images."""
        return self._own_protocol if group == "inception" else self.protocol

    @functools.cached_property
    def _own_protocol(self) -> Protocol:
        """Without the dataset's feature network, which Inception's metrics do not use."""
        return {
            **self.about,
            "reference": "test",
            "reference_fingerprint": self.test.fingerprint(),
            "n_reference": len(self.real),
            "seed": self.seed,
        }

    @functools.cached_property
    def protocol(self) -> Protocol:
        """What the metrics of the feature network depend on besides the generated images."""
        if unfit_reason(self.dataset.train):
            return self._own_protocol
        return {
            **self._own_protocol,
            "resize": resize_protocol(self.dataset.train.shape),
            "feature_net": self.extractor.identity,
            "feature_net_task": self.extractor.task.name,
            "feature_net_accuracy": self.extractor.accuracy,
        }

    def plots(self, critic: Critic) -> dict[str, np.ndarray]:
        """Return no plots: a critic of images has no plane to show its scores on."""
        return {}

    def _features(self, fakes: FakeBatch) -> FeatureOutput:
        """Extract features, once for all groups."""
        if self._last is None or self._last[0]() is not fakes:
            self._last = (weakref.ref(fakes), self.extractor(fakes.x))  # samples may be large
        return self._last[1]

    def _result(self, numbers: dict[str, float]) -> EvalResult:
        return EvalResult({f"metric/{name}_{self.suffix}": v for name, v in numbers.items()})

    def _frechet(self, fakes: FakeBatch) -> EvalResult:
        features = self._features(fakes).features
        distance = frechet_distance(fit(self.reference.features), fit(features))
        return self._result({"frechet": distance})

    def _kernel(self, fakes: FakeBatch) -> EvalResult:
        distance = kernel_distance(
            self.reference.features, self._features(fakes).features, make_rng(self.seed, "subsets")
        )
        numbers = {"kernel_distance": distance.value, "kernel_distance_error": distance.error}
        return self._result(numbers)

    def _manifold(self, fakes: FakeBatch) -> EvalResult:
        real, neighbors = self.reference.features, self.reference.neighbors
        return self._result(manifold(real, self._features(fakes).features, neighbors)._asdict())

    def _classes(self, fakes: FakeBatch) -> EvalResult:
        probabilities = self._features(fakes).probabilities
        shares, real = class_shares(probabilities), class_shares(self.reference.probabilities)
        numbers = {
            "classes_covered": float(shares.covered),
            "class_entropy": shares.entropy,
            "class_reverse_kl": reverse_kl(shares.histogram, real.histogram),
            "confident_share": shares.confident,
            "largest_share": shares.largest,
        }
        histograms: dict[str, list[float | None]] = {"class_histogram": shares.histogram.tolist()}
        if fakes.num_classes > 1:
            by_class = per_class_accuracy(probabilities, fakes.y, fakes.num_classes)
            correct = probabilities.argmax(1) == fakes.y
            numbers["label_accuracy"] = correct.double().mean().item()
            numbers["label_accuracy_worst"] = by_class.nan_to_num(1).min().item()
            # nan for a class without a sample
            known = [None if math.isnan(share) else share for share in by_class.tolist()]
            histograms["label_accuracy_by_class"] = known
        result = self._result(numbers)
        result.real_share = real.largest
        result.histograms |= {f"metric/{k}_{self.suffix}": v for k, v in histograms.items()}
        return result

    def _inception(self, fakes: FakeBatch) -> EvalResult:
        numbers = inception_numbers(self.real.x, to_bytes(fakes.x).cpu(), self.device)
        return EvalResult(numbers, protocols=dict.fromkeys(numbers, inception_protocol()))

    def _nearest(self, fakes: FakeBatch) -> EvalResult:
        """Measure distances from fakes to training images, relative to those from real images."""
        queries = to_bytes(fakes.x[:NUM_QUERIES]).cpu()
        distance, index = nearest(queries.flatten(1), self.bank)
        between = self.reference.nearest  # 0 where most test images are training images, too
        ratio = distance.median().item() / between if between else math.nan
        result = self._result({"nearest_ratio": ratio})
        pairs = torch.stack([queries[:_NUM_SHOWN], self.bank[index[:_NUM_SHOWN]]], 1)
        result.pictures["nearest"] = self.dataset.render(to_float(pairs.flatten(0, 1)), 8)
        return result
