"""One update of the critic, one of the generator: the whole algorithm.

Neither reads a value back to the host: both run on the meta device, where nothing has a value.
"""

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from gan_zoo.architectures.players import Critic, Generator
from gan_zoo.losses import Loss, Scored
from gan_zoo.regularizers import Regularizer
from gan_zoo.training.precision import Pass, Precision, network_pass

Values = dict[str, Tensor]
Step = Callable[[Tensor, Tensor, Tensor], Values]  # of samples x, labels y, latent vectors z


class Descent:
    """How one player follows its loss downhill; the other gets no gradient, and none is computed.

    Args:
        player: its parameters are those it has now.
        optimizer: of these parameters.
    """

    def __init__(self, player: torch.nn.Module, optimizer: torch.optim.Optimizer):
        self.parameters, self.optimizer = list(player.parameters()), optimizer

    def __call__(self, loss: Tensor) -> None:
        """One update along the gradient of a loss (...), the sum of which is minimised."""
        for parameter in self.parameters:
            parameter.grad = None
        # backward, and not autograd.grad, gives gradients the strides of their parameters, without
        # which fused optimizers go astray
        total = loss.sum() if loss.dim() else loss  # to name a gradient would import sympy
        total.backward(inputs=self.parameters)
        self.optimizer.step()


@dataclasses.dataclass
class Game:
    """The two players, what they minimise, and how they descend.

    Attributes:
        precision: of the networks' passes; gradient penalties are always taken in fp32.
        scored: reals and fakes of the last critic step, without history.
    """

    generator: Generator
    critic: Critic
    loss: Loss
    regularizer: Regularizer
    generator_optimizer: torch.optim.Optimizer
    critic_optimizer: torch.optim.Optimizer

    precision: Precision = "fp32"
    scored: tuple[Scored, ...] = ()

    def __post_init__(self) -> None:
        self.generate = network_pass(self.generator, self.precision)
        self.score = network_pass(self.critic, self.precision)
        # batch norm would mix the statistics of reals and fakes scored together
        mixing = any(isinstance(module, _BatchNorm) for module in self.critic.modules())
        self.score_both = score_apart if mixing else score_together
        self.descend_critic = Descent(self.critic, self.critic_optimizer)
        self.descend_generator = Descent(self.generator, self.generator_optimizer)

    @property
    def device(self) -> torch.device:
        """Where the game is played."""
        return self.descend_critic.parameters[0].device


def critic_step(game: Game, x: Tensor, y: Tensor, z: Tensor) -> Values:
    """One critic update on real samples x, labels y and latent vectors z. Returns values to log."""
    with torch.no_grad():
        x_fake = game.generate(z, y)
    real, fake = game.score_both(game.score, x, x_fake, y)
    loss = game.loss.critic(real, fake)
    penalty = game.regularizer.penalty(game.critic, x, x_fake, y)
    game.descend_critic(loss + penalty)
    game.regularizer.after_step(game.descend_critic.parameters)
    game.scored = tuple(pair._replace(score=pair.score.detach()) for pair in (real, fake))
    return {
        "loss/critic": loss.detach(),
        # a sum, since a number copied to a GPU could not be captured
        "penalty/critic": torch.zeros_like(loss).add(penalty).detach(),
        "score/real": game.scored[0].score.mean(-1),
        "score/fake": game.scored[1].score.mean(-1),
    }


def generator_step(game: Game, x: Tensor, y: Tensor, z: Tensor) -> Values:
    """One generator update on labels y and latent vectors z. Returns values to log.

    x, real samples with these labels, is looked at only by losses that compare with them.
    """
    x_fake = game.generate(z, y)
    real = None
    if game.loss.pairs_generator:
        with torch.no_grad():  # no gradient reaches the generator through these scores
            real = Scored(x, game.score(x, y), y)
    loss = game.loss.generator(Scored(x_fake, game.score(x_fake, y), y), real)
    game.descend_generator(loss)
    return {"loss/generator": loss.detach()}


def score_together(critic: Pass, x: Tensor, x_fake: Tensor, y: Tensor) -> tuple[Scored, Scored]:
    """Score reals and fakes in one pass of the critic."""
    real, fake = critic(torch.cat([x, x_fake]), torch.cat([y, y])).chunk(2)
    return Scored(x, real, y), Scored(x_fake, fake, y)


def score_apart(critic: Pass, x: Tensor, x_fake: Tensor, y: Tensor) -> tuple[Scored, Scored]:
    """Score reals and fakes in a pass each."""
    return Scored(x, critic(x, y), y), Scored(x_fake, critic(x_fake, y), y)
