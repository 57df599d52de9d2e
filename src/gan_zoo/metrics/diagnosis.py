"""A critic examined on a few hundred samples, with all that can be said of it."""

import torch
from torch import Tensor

from gan_zoo.architectures.players import Critic
from gan_zoo.losses import Loss, Scored
from gan_zoo.metrics import critics
from gan_zoo.metrics.judge import Judgement


def diagnose(
    critic: Critic, loss: Loss, real: Tensor, fake: Tensor, y: Tensor, draws: torch.Generator
) -> Judgement:
    """Numbers and score histograms of a critic in evaluation mode.

    real and fake (N, *shape) are scored for the same labels y (N,); draws, a CPU generator, places
    samples between them.
    """
    with torch.no_grad():
        score_real, score_fake = critic(real, y), critic(fake, y)
    share = torch.rand(len(y), generator=draws).to(real)
    numbers = {
        **critics.slopes(critic, real, fake, y, share),
        "critic/spectral_product": critics.spectral_product(critic),
        "critic/wall_share": critics.wall_share(critic),
        "critic/separation": critics.separation(score_real, score_fake),
        **critics.margins(loss, Scored(real, score_real), Scored(fake, score_fake)),
    }
    return Judgement(numbers, critics.score_histograms(score_real, score_fake))


def indifferent_loss(loss: Loss, real: Tensor) -> float:
    """The critic's loss if it gave every sample the score 0, with real samples (N, *shape) halved.

    A measure of what there is to gain: a loss far below it means that the critic has won.
    """
    half = len(real) // 2
    zero = torch.zeros(half, device=real.device)
    parts = Scored(real[:half], zero), Scored(real[half : 2 * half], zero)
    return loss.critic(*parts).item()
