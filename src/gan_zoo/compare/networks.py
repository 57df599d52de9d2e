"""The networks among which a comparison chooses, for samples of a shape."""

from collections.abc import Sequence

from gan_zoo.compare.image_facts import is_dcgan_side
from gan_zoo.compare.plan import Network
from gan_zoo.compare.request import has_key

_WIDTHS = (8, 16, 32, 64)
_LARGE_WIDTHS = (32, 64)  # at a larger side: narrower networks gain nothing from more pixels
# The losses' default recipes instead of their papers', which most DCGANs are trained with: spectral
# normalization and penalties exclude batch norm in the critic.
_OWN_RECIPES = ("architecture.critic.norm=none", "recipe=${loss}")
# Steps from which samples tell something about the loss; docs/compare.md has the reasons.
_USEFUL_CONVOLUTIONAL, _USEFUL_PERCEPTRON, _USEFUL_POINTS = 1_000, 4_000, 5_000


def candidate_networks(
    shape: tuple[int, ...], sides: Sequence[int], words: Sequence[str]
) -> list[Network]:
    """Return the networks to choose from, small ones first.

    A perceptron is for points, and for images that no convolutional network can generate: on a CPU
    it costs more than the smallest of these, and needs more steps.

    Args:
        shape: of a sample: (C, H, W), or (2,) for a point.
        sides: in pixels, that images may be scaled to; empty if their size is fixed.
        words: overrides that were given; an architecture among them is the only candidate.
    """
    if has_key(words, "architecture") or has_key(words, "experiment"):
        return [Network("networks as given", (), _USEFUL_CONVOLUTIONAL)]
    if len(shape) == 1:
        return [Network("mlp_points", (), _USEFUL_POINTS)]
    scaled = [(side, (f"dataset.size={side}",)) for side in sides]
    if not sides and not (shape[1] == shape[2] and is_dcgan_side(shape[2])):
        return [
            Network(f"mlp, {shape[2]}x{shape[1]} pixels", ("architecture=mlp",), _USEFUL_PERCEPTRON)
        ]
    first, *larger = scaled or [(shape[-1], ())]
    networks = [_dcgan(width, *first) for width in _WIDTHS]
    return networks + [_dcgan(width, *each) for each in larger for width in _LARGE_WIDTHS]


def _dcgan(width: int, side: int, scaled: tuple[str, ...]) -> Network:
    widths = (f"architecture.{name}.width={width}" for name in ("generator", "critic"))
    words = ("architecture=dcgan", *widths, *_OWN_RECIPES, *scaled)
    return Network(f"dcgan, width {width}, {side}x{side} pixels", words, _USEFUL_CONVOLUTIONAL)
