"""Inception FID, KID and IS through torch-fidelity, for comparison with papers.

An optional extra (pip install "gan-zoo[fid]"), and its weights have to be fetched once.
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


class _Pictures(Dataset):
    """Bytes (N, 1 or 3, H, W) as torch-fidelity wants them: three channels each."""

    def __init__(self, x: Tensor):
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Tensor:
        image = self.x[i]
        return image.expand(3, -1, -1) if len(image) == 1 else image


def inception_protocol() -> dict[str, Any]:
    """The feature network and the library, in words."""
    return {
        "feature_net": "inception-v3-compat (TensorFlow 2015-12-05)",
        "library": f"torch-fidelity {version('torch-fidelity')}",
        "resize": "bilinear, not antialiased, to (299, 299)",
        "gray": "repeated to 3 channels",
    }


def inception_numbers(real: Tensor, fake: Tensor, extractor: str | None = None) -> dict[str, float]:
    """FID, KID (mean and standard deviation over subsets) and Inception score, by tag.

    Args:
        real: uint8 images (N, C, H, W) on the CPU.
        fake: likewise (M, C, H, W).
        extractor: name of another feature network that was registered with torch-fidelity.

    Raises ConfigError where the library or its weights cannot be had.
    """
    try:
        import torch_fidelity
    except ImportError:
        allowed = 'needs torch-fidelity: pip install "gan-zoo[fid]"'
        raise ConfigError("metrics", "inception", allowed) from None
    try:
        found = torch_fidelity.calculate_metrics(
            input1=_Pictures(fake),
            input2=_Pictures(real),
            isc=True,
            fid=True,
            kid=True,
            kid_subset_size=min(1000, len(real), len(fake)),
            cuda=torch.cuda.is_available(),
            cache=False,
            verbose=False,
            feature_extractor=extractor,
        )
    except OSError as error:
        allowed = (
            f"its weights could not be fetched ({error}); every other number needs no download"
        )
        raise ConfigError("metrics", "inception", allowed) from None
    return {tag: float(found[name]) for name, tag in _NAMES.items()}
