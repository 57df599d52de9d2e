"""Inception FID, KID and IS by torch-fidelity, for comparison with papers.

Needs the extra `gan-zoo[fid]`, and weights that are downloaded once.
"""

from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gan_zoo.schema import ConfigError

_NAMES = {
    "frechet_inception_distance": "metric/fid",
    "kernel_inception_distance_mean": "metric/kid",
    "kernel_inception_distance_std": "metric/kid_std",
    "inception_score_mean": "metric/inception_score",
    "inception_score_std": "metric/inception_score_std",
}


class _RGBImages(Dataset):
    """Bytes (N, 1 or 3, H, W) with three channels each, as torch-fidelity needs them."""

    def __init__(self, x: Tensor):
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Tensor:
        image = self.x[i]
        return image.expand(3, -1, -1) if len(image) == 1 else image


def inception_protocol() -> dict[str, Any]:
    """Return the feature network, library and resizing that the values depend on."""
    return {
        "feature_net": "inception-v3-compat (TensorFlow 2015-12-05)",
        "library": f"torch-fidelity {version('torch-fidelity')}",
        "resize": "bilinear, not antialiased, to (299, 299)",
        "gray": "repeated to 3 channels",
    }


def inception_numbers(
    real: Tensor, fake: Tensor, device: torch.device, extractor: str | None = None
) -> dict[str, float]:
    """Measure FID, KID (mean and standard deviation over subsets) and Inception score, by tag.

    Args:
        real: uint8 images (N, C, H, W) on the CPU.
        fake: likewise (M, C, H, W).
        device: where features are computed; any other than CUDA: on the CPU.
        extractor: name of another feature network registered with torch-fidelity.

    Raises ConfigError where the library or its weights are not available.
    """
    try:
        import torch_fidelity
    except ImportError:
        allowed = 'needs torch-fidelity: pip install "gan-zoo[fid]"'
        raise ConfigError("metrics", "inception", allowed) from None
    try:
        values = torch_fidelity.calculate_metrics(
            input1=_RGBImages(fake),
            input2=_RGBImages(real),
            isc=True,
            fid=True,
            kid=True,
            kid_subset_size=min(1000, len(real), len(fake)),
            cuda=device.type == "cuda",
            cache=False,
            verbose=False,
            feature_extractor=extractor,
        )
    except OSError as error:
        allowed = f"its weights could not be downloaded ({error}); no other metric needs a download"
        raise ConfigError("metrics", "inception", allowed) from None
    return {tag: float(values[name]) for name, tag in _NAMES.items()}
