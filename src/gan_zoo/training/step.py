"""One update of the critic, one of the generator: the whole algorithm.

Neither reads a value back to the host: both run on the meta device, where nothing has a value.
"""

import dataclasses

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from gan_zoo.architectures.players import Critic, Generator
from gan_zoo.losses import Loss, Scored
from gan_zoo.regularizers import Regularizer

Values = dict[str, Tensor]


@dataclasses.dataclass
class Game:
    """The two players, what they minimise, and how they descend."""

    generator: Generator
    critic: Critic
    loss: Loss
    regularizer: Regularizer
    generator_optimizer: torch.optim.Optimizer
    critic_optimizer: torch.optim.Optimizer

    def __post_init__(self) -> None:
        # batch norm would mix the statistics of reals and fakes scored together
        mixing = any(isinstance(module, _BatchNorm) for module in self.critic.modules())
        self.score_both = score_apart if mixing else score_together


def critic_step(game: Game, x: Tensor, y: Tensor, z: Tensor) -> Values:
    """One critic update on real samples x, labels y and latent vectors z. Returns values to log."""
    with torch.no_grad():
        x_fake = game.generator(z, y)
    real, fake = game.score_both(game.critic, x, x_fake, y)
    loss = game.loss.critic(real, fake)
    penalty = game.regularizer.penalty(game.critic, x, x_fake, y)
    _descend(loss + penalty, game.critic, game.critic_optimizer)
    game.regularizer.after_step(game.critic)
    return {
        "loss/critic": loss.detach(),
        "penalty/critic": torch.as_tensor(penalty, device=loss.device).detach(),
        "score/real": real.score.detach().mean(-1),
        "score/fake": fake.score.detach().mean(-1),
        **game.loss.meters(
            Scored(x, real.score.detach(), y), Scored(x_fake, fake.score.detach(), y)
        ),
    }


def generator_step(game: Game, x: Tensor, y: Tensor, z: Tensor) -> Values:
    """One generator update on labels y and latent vectors z. Returns values to log.

    x, real samples with these labels, is looked at only by losses that compare with them.
    """
    x_fake = game.generator(z, y)
    real = Scored(x, game.critic(x, y), y) if game.loss.pairs_generator else None
    loss = game.loss.generator(Scored(x_fake, game.critic(x_fake, y), y), real)
    _descend(loss, game.generator, game.generator_optimizer)
    return {"loss/generator": loss.detach()}


def _descend(loss: Tensor, player: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Update one player; the other gets no gradient, and none is computed for it."""
    optimizer.zero_grad()
    loss.sum().backward(inputs=list(player.parameters()))
    optimizer.step()


def score_together(critic: Critic, x: Tensor, x_fake: Tensor, y: Tensor) -> tuple[Scored, Scored]:
    """Score reals and fakes in one pass of the critic."""
    real, fake = critic(torch.cat([x, x_fake]), torch.cat([y, y])).chunk(2)
    return Scored(x, real, y), Scored(x_fake, fake, y)


def score_apart(critic: Critic, x: Tensor, x_fake: Tensor, y: Tensor) -> tuple[Scored, Scored]:
    """Score reals and fakes in a pass each."""
    return Scored(x, critic(x, y), y), Scored(x_fake, critic(x_fake, y), y)
