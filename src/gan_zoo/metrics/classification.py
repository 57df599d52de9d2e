"""A critic that ends in class probabilities, judged as the classifier that it is."""

import torch

from gan_zoo.architectures.players import Critic, in_evaluation_mode
from gan_zoo.data.samples import Samples

_CHUNK = 500


@torch.no_grad()
def classification_error(critic: Critic, samples: Samples, device: torch.device) -> float:
    """Share of samples for which argmax_y D(x, y), which is argmin_y L(x, y), is not the label.

    In evaluation mode, so that no sample's answer depends on the others: Qi 2017
    (arXiv:1701.06264, section 6).
    """
    wrong = torch.zeros((), dtype=torch.int64, device=device)

    def classify() -> None:
        for places in torch.arange(len(samples), device=samples.x.device).split(_CHUNK):
            x, y = (part.to(device) for part in samples.take(places))
            wrong.add_((critic.scores(x).argmax(-1) != y).sum())

    in_evaluation_mode(critic, classify)
    return wrong.item() / len(samples)
