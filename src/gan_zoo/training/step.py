"""One update of the critic, one of the generator: the whole algorithm.

Nothing here reads a value back to the host: all runs on the meta device, where nothing has one.
"""

import dataclasses

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from gan_zoo.architectures.labels import hidden
from gan_zoo.architectures.players import Critic, Generator
from gan_zoo.losses import Loss, Scored
from gan_zoo.regularizers import Regularizer
from gan_zoo.training.ema import MovingAverage
from gan_zoo.training.precision import Pass, Precision, network_pass

Values = dict[str, Tensor]  # scalars by name
Told = dict[tuple[str, ...], Tensor]  # the same, those that come together stacked: (names,)


class Descent:
    """How one player follows its loss downhill; the other gets no gradient, and none is computed.

    Args:
        player: its parameters are those it has now.
        optimizer: of these parameters.
    """

    def __init__(self, player: torch.nn.Module, optimizer: torch.optim.Optimizer):
        self.parameters, self.optimizer = list(player.parameters()), optimizer

    @property
    def gradients(self) -> list[Tensor]:
        """Of the last update."""
        return [p.grad for p in self.parameters if p.grad is not None]

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
    """The two players, what they minimise, how they descend, and the averages that follow them.

    Attributes:
        precision: of the networks' passes; gradient penalties are always taken in fp32.
        ema: decay of the averages.
        guesses: whether hidden labels are guessed.
        scored: reals and fakes of the last critic step, without history.
        average: of the generator.
        classifier: average of a critic that classifies; None for one that does not.
    """

    generator: Generator
    critic: Critic
    loss: Loss
    regularizer: Regularizer
    generator_optimizer: torch.optim.Optimizer
    critic_optimizer: torch.optim.Optimizer

    precision: Precision = "fp32"
    ema: float = 0.0
    guesses: bool = False
    scored: tuple[Scored, ...] = ()

    def __post_init__(self) -> None:
        self.average = MovingAverage(self.generator, self.ema)
        self.classifier = MovingAverage(self.critic, self.ema) if self.critic.classifies else None
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

    @property
    def averages(self) -> list[MovingAverage]:
        """All that there are."""
        return [average for average in (self.average, self.classifier) if average is not None]

    @torch.no_grad()
    def guessed(self, x: Tensor, y: Tensor) -> Tensor:
        """Labels y, the hidden ones as the averaged classifier sees them in the samples x now."""
        if self.classifier is None or not self.guesses:
            return y
        return torch.where(y < 0, hidden(self.classifier.network.scores(x).argmax(-1)), y)


def critic_alone(game: Game, x: Tensor, y: Tensor, z: Tensor) -> Told:
    """A critic update that no generator update follows. Returns values to log."""
    return stacked(critic_step(game, x, game.guessed(x, y), z))


def both_players(game: Game, x: Tensor, y: Tensor, z: Tensor, z_next: Tensor) -> Told:
    """A critic update, one of the generator on the same labels, and the averages' after them."""
    y = game.guessed(x, y)
    of_critic = critic_step(game, x, y, z)
    of_generator = generator_step(game, x, y, z_next)
    for average in game.averages:
        average.update()
    return stacked(of_critic, of_generator)


def stacked(*groups: Values) -> Told:
    """Values in a tensor for each group of them."""
    return {tuple(values): torch.stack(list(values.values())) for values in groups}


def critic_step(game: Game, x: Tensor, y: Tensor, z: Tensor) -> Values:
    """One critic update on real samples x, labels y and latent vectors z. Returns values to log."""
    with torch.no_grad():
        x_fake = game.generate(z, y)
    real, fake = game.score_both(game.score, x, x_fake, y)
    loss = game.loss.critic(real, fake)
    penalty = game.regularizer.penalty(game.critic, x, x_fake, y)
    penalized = isinstance(penalty, Tensor)
    game.descend_critic(loss + penalty if penalized else loss)
    game.regularizer.after_step(game.descend_critic.parameters)
    game.scored = tuple(Scored(pair.x, pair.score.detach(), pair.y) for pair in (real, fake))
    return {
        "loss/critic": loss.detach(),
        "penalty/critic": penalty.detach() if penalized else torch.zeros_like(loss),
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
