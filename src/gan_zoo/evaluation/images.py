"""Images judged by the features of a network trained on the dataset itself."""

import dataclasses
import functools
import math
from typing import Any

import torch
from torch import Tensor

from gan_zoo.data.in_memory import InMemoryDataset, to_bytes, to_float
from gan_zoo.evaluation.groups import image_groups
from gan_zoo.evaluation.requirements import check_splits, missing
from gan_zoo.evaluation.result import EvalResult, FakeBatch, MetricSuite, Protocol
from gan_zoo.metrics.classes import class_shares, per_class_accuracy
from gan_zoo.metrics.distances import fit, frechet_distance, kernel_distance
from gan_zoo.metrics.feature_cache import Cache
from gan_zoo.metrics.feature_net import (
    FeatureExtractor,
    feature_extractor,
    resize_protocol,
    suffix_of,
    unfit,
)
from gan_zoo.metrics.inception import inception_numbers, inception_protocol
from gan_zoo.metrics.precision_recall import DENSITY_K, manifold, nearest, neighbor_distances
from gan_zoo.training.rng import make_rng

_COMPARED = 256  # samples whose nearest training image is looked for
_SHOWN = 32
_BANK = 60_000  # training images at most among which it is looked for


@dataclasses.dataclass(frozen=True)
class Reference:
    """What the feature network sees in real samples, and how near those are to training images.

    Attributes:
        features: (N, 128); probabilities: (N, K).
        neighbors: squared distances (N, 5), or (N, N - 1) where there are fewer others.
        nearest: median distance from a real image to its nearest training image, in bytes.
    """

    features: Tensor
    neighbors: Tensor
    probabilities: Tensor
    nearest: float


class ImageMetrics(MetricSuite):
    """Compares features of generated images with those of real ones that no one trained on.

    The network is trained when it is first asked: training a GAN may begin before.

    Args:
        dataset: its settings; n: samples on either side; seed: of the choice of real images.
        cache: of feature networks and references.
        conditional: whether the generators are asked for classes.

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
        order = torch.randperm(len(train), generator=make_rng(seed, "bank"))[:_BANK]
        self.bank = train.x[order]
        self.suffix = suffix_of(dataset, train.num_classes)
        self.available = image_groups(
            self.suffix,
            labeled=train.num_classes > 1,
            conditional=conditional,
            missing=missing(dataset, train, self.test),
        )
        self.groups = {
            "frechet": self._frechet,
            "kernel": self._kernel,
            "manifold": self._manifold,
            "classes": self._classes,
            "nearest": self._nearest,
            "inception": self._inception,
        }
        self._seen: tuple[FakeBatch, Any] | None = None

    @functools.cached_property
    def extractor(self) -> FeatureExtractor:
        """The network that looks at images."""
        return feature_extractor(self.dataset.train, self.test, self.cache, self.device)

    @functools.cached_property
    def reference(self) -> Reference:
        """What it sees in real images."""
        return _reference(self.real, self.bank, self.extractor, self.cache)

    @functools.cached_property
    def about(self) -> Protocol:
        """What every number depends on, those of the critic included."""
        return {
            "dataset": type(self.dataset).__name__,
            "dataset_fingerprint": self.dataset.fingerprint,
        }

    @functools.cached_property
    def protocol(self) -> Protocol:
        """What every number depends on besides the generated images."""
        reference = {
            "reference": "test",
            "reference_fingerprint": self.test.fingerprint(),
            "n_reference": len(self.real),
            "seed": self.seed,
        }
        if unfit(self.dataset.train):
            return {**self.about, **reference}
        return {
            **self.about,
            **reference,
            "resize": resize_protocol(self.dataset.train.shape),
            "feature_net": self.extractor.identity,
            "feature_net_task": self.extractor.task.name,
            "feature_net_accuracy": self.extractor.accuracy,
        }

    def _findings(self, fakes: FakeBatch) -> Any:
        """What the network sees in the fakes: looked at once for all groups."""
        if self._seen is None or self._seen[0] is not fakes:
            self._seen = (fakes, self.extractor(fakes.x))
        return self._seen[1]

    def _named(self, numbers: dict[str, float]) -> EvalResult:
        return EvalResult({f"metric/{name}_{self.suffix}": v for name, v in numbers.items()})

    def _frechet(self, fakes: FakeBatch) -> EvalResult:
        features = self._findings(fakes).features
        distance = frechet_distance(fit(self.reference.features), fit(features))
        return self._named({"frechet": distance})

    def _kernel(self, fakes: FakeBatch) -> EvalResult:
        found = kernel_distance(
            self.reference.features, self._findings(fakes).features, make_rng(self.seed, "subsets")
        )
        return self._named({"kernel_distance": found.value, "kernel_distance_error": found.error})

    def _manifold(self, fakes: FakeBatch) -> EvalResult:
        real, neighbors = self.reference.features, self.reference.neighbors
        return self._named(manifold(real, self._findings(fakes).features, neighbors)._asdict())

    def _classes(self, fakes: FakeBatch) -> EvalResult:
        probabilities = self._findings(fakes).probabilities
        found, real = class_shares(probabilities), class_shares(self.reference.probabilities)
        numbers = {
            "classes_covered": float(found.hit),
            "class_entropy": found.entropy,
            "class_reverse_kl": found.reverse_kl(real.histogram),
            "confident_share": found.assigned,
            "largest_share": found.largest,
        }
        histograms: dict[str, list[float | None]]
        histograms = {"class_histogram": found.histogram.tolist()}
        if fakes.num_classes > 1:
            fidelity = per_class_accuracy(probabilities, fakes.y, fakes.num_classes)
            agree = probabilities.argmax(1) == fakes.y
            numbers["label_accuracy"] = agree.double().mean().item()
            numbers["label_accuracy_worst"] = fidelity.nan_to_num(1).min().item()
            # none was asked for where there is no number
            known = [None if math.isnan(share) else share for share in fidelity.tolist()]
            histograms["label_accuracy_by_class"] = known
        result = self._named(numbers)
        result.histograms |= {f"metric/{k}_{self.suffix}": v for k, v in histograms.items()}
        return result

    def _inception(self, fakes: FakeBatch) -> EvalResult:
        numbers = inception_numbers(self.real.x, to_bytes(fakes.x).cpu())
        protocols = dict.fromkeys(numbers, inception_protocol())
        return EvalResult(numbers, protocols=protocols)

    def _nearest(self, fakes: FakeBatch) -> EvalResult:
        """How near fakes are to training images, in units of how near other real images are."""
        queries = to_bytes(fakes.x[:_COMPARED]).cpu()
        distance, place = nearest(queries.flatten(1), self.bank.flatten(1))
        ratio = distance.median().item() / max(self.reference.nearest, 1e-9)
        result = self._named({"nearest_ratio": ratio})
        pairs = torch.stack([queries[:_SHOWN], self.bank[place[:_SHOWN]]], 1).flatten(0, 1)
        result.pictures["nearest"] = self.dataset.render(to_float(pairs), 8)
        return result


def _reference(
    samples: InMemoryDataset, bank: Tensor, extractor: FeatureExtractor, cache: Cache
) -> Reference:
    """The reference of these samples, from the cache or made now, where the extractor is."""

    def make() -> dict[str, Any]:
        seen = extractor(samples.x)
        distance, _ = nearest(samples.x[:_COMPARED].flatten(1), bank.flatten(1))
        return {
            "features": seen.features.float(),  # as the network gave them: nothing is lost
            "neighbors": neighbor_distances(seen.features, min(DENSITY_K, len(samples) - 1)),
            "probabilities": seen.probabilities,
            "nearest": distance.median().item(),
        }

    name = f"features-of-reference-{extractor.identity}-{samples.fingerprint()}"
    content, device = cache.get_or_compute(name, make), extractor.device
    tensors = {name: content[name].double().to(device) for name in ("features", "neighbors")}
    probabilities = content["probabilities"].to(device)
    return Reference(**tensors, probabilities=probabilities, nearest=content["nearest"])
