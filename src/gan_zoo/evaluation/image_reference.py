"""Features of the real images that generated images are compared with."""

import dataclasses
from typing import Any

from torch import Tensor

from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.metrics.feature_cache import Cache
from gan_zoo.metrics.feature_net import FeatureExtractor
from gan_zoo.metrics.precision_recall import DENSITY_K, Gathered, nearest, neighbor_distances

NUM_QUERIES = 256  # samples whose nearest training image is searched


@dataclasses.dataclass(frozen=True)
class Reference:
    """Features of real samples, and their distances to training images.

    Attributes:
        features: (N, 128); probabilities: (N, K).
        neighbors: squared distances (N, 5), or (N, N - 1) where there are fewer others.
        nearest: median distance from a real image to its nearest training image, in bytes.
    """

    features: Tensor
    neighbors: Tensor
    probabilities: Tensor
    nearest: float


def load_reference(
    samples: InMemoryDataset, bank: Gathered, extractor: FeatureExtractor, cache: Cache
) -> Reference:
    """Load a reference from the cache, or compute it, on the extractor's device."""

    def compute() -> dict[str, Any]:
        output = extractor(samples.x)
        distance, _ = nearest(samples.x[:NUM_QUERIES].flatten(1), bank)
        return {
            "features": output.features.float(),  # the network's own precision
            "neighbors": neighbor_distances(output.features, min(DENSITY_K, len(samples) - 1)),
            "probabilities": output.probabilities,
            "nearest": distance.median().item(),
        }

    name = f"features-of-reference-{extractor.identity}-{samples.fingerprint()}"
    content, device = cache.get_or_compute(name, compute), extractor.device
    tensors = {name: content[name].double().to(device) for name in ("features", "neighbors")}
    probabilities = content["probabilities"].to(device)
    return Reference(**tensors, probabilities=probabilities, nearest=content["nearest"])
