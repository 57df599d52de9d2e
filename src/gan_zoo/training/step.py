"""One update of the critic, one of the generator: the whole algorithm.

Nothing here reads a value back to the host: all of it runs on the meta device, which has no values.
"""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from gan_zoo.architectures.labels import encode_pseudo
from gan_zoo.architectures.networks import Critic, Generator
from gan_zoo.losses import Loss, ScoredBatch
from gan_zoo.ranks import Ranks
from gan_zoo.regularizers import PenaltyBatch, Regularizer
from gan_zoo.regularizers.gradient_penalties import has_batch_norm
from gan_zoo.training.ema import EMA
from gan_zoo.training.noise import UpdateNoise
from gan_zoo.training.numerics import Forward, Precision, autocast_forward

Metrics = dict[str, Tensor]  # scalars by name
# one tensor (names,) for each group of names
StackedMetrics = dict[tuple[str, ...], Tensor]


class OptimizerStep:
    """One optimizer step for one network; computes no gradients for the other.

    Args:
        network: to update; parameters that it gets later are not updated.
        optimizer: of its parameters.
        ranks: the processes of the run, whose gradients are averaged.

    Attributes:
        rates: learning rates of the runs of a stack (S,); None for that of the optimizer.
    """

    rates: Tensor | None = None

    def __init__(self, network: torch.nn.Module, optimizer: torch.optim.Optimizer, ranks: Ranks):
        self.parameters, self.optimizer = list(network.parameters()), optimizer
        self.ranks = ranks

    @property
    def gradients(self) -> list[Tensor]:
        """Gradients of the last update."""
        return [p.grad for p in self.parameters if p.grad is not None]

    def __call__(self, loss: Tensor, values: Sequence[Tensor]) -> Sequence[Tensor]:
        """Take one step that minimizes the sum of a loss (...).

        Returns detached values, averaged over the ranks in the same exchange as the gradients.
        """
        for parameter in self.parameters:
            parameter.grad = None
        # backward, unlike autograd.grad, gives gradients the strides of their parameters, without
        # which the updates of fused optimizers are wrong
        total = loss.sum() if loss.dim() else loss  # backward(gradient=...) would import sympy
        total.backward(inputs=self.parameters)
        if self.ranks.count > 1:
            own = self.gradients
            averaged = self.ranks.average_together([*own, *values])
            torch._foreach_copy_(own, averaged[: len(own)])
            values = averaged[len(own) :]
        self.optimizer.step()
        return values


@dataclasses.dataclass
class GANState:
    """Networks, losses, optimizers and EMA copies of one GAN.

    Attributes:
        precision: of the networks' passes; gradient penalties are always in fp32.
        ema_decay: decay of the EMA copies.
        use_pseudo_labels: whether unlabeled samples get pseudo-labels.
        ranks: the processes of the run, each with its share of every batch.
        scored: reals and fakes of the last critic step, detached; with several ranks, one's share.
        stop_wish: with several ranks, whether this one wants the run to stop (1 or 0).
        stop_answer: mean of all wishes, which came with the gradients of the last generator step.
        ema: EMA copy of the generator.
        ema_critic: EMA copy of a critic that classifies; None for one that does not.
    """

    generator: Generator
    critic: Critic
    loss: Loss
    regularizer: Regularizer
    generator_optimizer: torch.optim.Optimizer
    critic_optimizer: torch.optim.Optimizer

    precision: Precision = "fp32"
    ema_decay: float = 0.0
    use_pseudo_labels: bool = False
    ranks: Ranks = dataclasses.field(default_factory=Ranks)
    scored: tuple[ScoredBatch, ...] = ()
    stop_wish: list[Tensor] = dataclasses.field(default_factory=list)
    stop_answer: list[Tensor] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.ema = EMA(self.generator, self.ema_decay)
        self.ema_critic = EMA(self.critic, self.ema_decay) if self.critic.classifies else None
        self.generate = autocast_forward(self.generator, self.precision)
        self.score = autocast_forward(self.critic, self.precision)
        # scored jointly, reals and fakes would share batch statistics
        mixing = has_batch_norm(self.critic)
        self.score_both = score_separately if mixing else score_jointly
        self.critic_update = OptimizerStep(self.critic, self.critic_optimizer, self.ranks)
        self.generator_update = OptimizerStep(self.generator, self.generator_optimizer, self.ranks)
        if self.ranks.count > 1:
            self.stop_wish = [self.critic_update.parameters[0].new_zeros(())]

    @property
    def device(self) -> torch.device:
        """Device of the networks."""
        return self.critic_update.parameters[0].device

    @property
    def emas(self) -> list[EMA]:
        """All EMA copies."""
        return [ema for ema in (self.ema, self.ema_critic) if ema is not None]

    def tensors(self) -> list[Tensor]:
        """Return parameters and buffers of all networks."""
        networks = (self.generator, self.critic, *(ema.network for ema in self.emas))
        return [tensor for network in networks for tensor in network.state_dict().values()]

    @torch.no_grad()
    def pseudo_labels(self, x: Tensor, y: Tensor) -> Tensor:
        """Return y (N,) with the EMA critic's predictions in place of missing labels of x."""
        if self.ema_critic is None or not self.use_pseudo_labels:
            return y
        return torch.where(y < 0, encode_pseudo(self.ema_critic.network.scores(x).argmax(-1)), y)


def critic_only(gan: GANState, x: Tensor, y: Tensor, noise: UpdateNoise) -> StackedMetrics:
    """Update the critic. Returns metrics to log."""
    return stack_metrics(critic_step(gan, x, gan.pseudo_labels(x, y), noise))


def critic_and_generator(
    gan: GANState, x: Tensor, y: Tensor, noise: UpdateNoise, next_noise: UpdateNoise
) -> StackedMetrics:
    """Update critic, generator (on the same labels) and EMA copies. Returns metrics to log."""
    y = gan.pseudo_labels(x, y)
    critic_metrics = critic_step(gan, x, y, noise)
    generator_metrics = generator_step(gan, x, y, next_noise)
    for ema in gan.emas:
        ema.update()
    return stack_metrics(critic_metrics, generator_metrics)


def stack_metrics(*groups: Metrics) -> StackedMetrics:
    """Stack each group of metrics into one tensor."""
    return {tuple(values): torch.stack(list(values.values())) for values in groups}


def critic_step(gan: GANState, x: Tensor, y: Tensor, noise: UpdateNoise) -> Metrics:
    """Update the critic on real samples x and labels y. Returns metrics to log."""
    regularizer = gan.regularizer
    with torch.no_grad():
        x_fake = gan.generate(noise.z, y)
    inputs = regularizer.transform(x, noise.real), regularizer.transform(x_fake, noise.fake)
    scores = gan.score_both(gan.score, *inputs, y)
    real, fake = (
        ScoredBatch(samples, score, y, gan.ranks)
        for samples, score in zip((x, x_fake), scores, strict=True)
    )
    loss = gan.loss.critic(real, fake)

    def critic(x: Tensor, y: Tensor) -> Tensor:
        return gan.critic(regularizer.transform(x, noise.penalized.for_samples(y.shape[-1])), y)

    penalty = regularizer.penalty(critic, PenaltyBatch(x, x_fake, y, noise.penalty, gan.ranks))
    penalized = isinstance(penalty, Tensor)
    gan.scored = tuple(pair._replace(score=pair.score.detach()) for pair in (real, fake))
    metrics = {
        "loss/critic": loss.detach(),
        "penalty/critic": penalty.detach() if penalized else torch.zeros_like(loss),
        "score/real": gan.scored[0].score.mean(-1),
        "score/fake": gan.scored[1].score.mean(-1),
    }
    values = gan.critic_update(loss + penalty if penalized else loss, list(metrics.values()))
    regularizer.after_step(gan.critic_update.parameters)
    return dict(zip(metrics, values, strict=True))


def generator_step(gan: GANState, x: Tensor, y: Tensor, noise: UpdateNoise) -> Metrics:
    """Update the generator on labels y. Returns metrics to log.

    Only losses with `needs_real` use x, real samples with these labels.
    """
    transform = gan.regularizer.transform
    x_fake = gan.generate(noise.z, y)
    real = None
    if gan.loss.needs_real:
        with torch.no_grad():  # no gradient reaches the generator through these scores
            real = ScoredBatch(x, gan.score(transform(x, noise.real), y), y, gan.ranks)
    score = gan.score(transform(x_fake, noise.fake), y)
    loss = gan.loss.generator(ScoredBatch(x_fake, score, y, gan.ranks), real)
    value, *gan.stop_answer = gan.generator_update(loss, [loss.detach(), *gan.stop_wish])
    return {"loss/generator": value}


def score_jointly(critic: Forward, x: Tensor, x_fake: Tensor, y: Tensor) -> Sequence[Tensor]:
    """Score reals and fakes in one pass of the critic; returns the scores of both."""
    batch = y.dim() - 1
    return critic(torch.cat([x, x_fake], batch), torch.cat([y, y], batch)).chunk(2, batch)


def score_separately(critic: Forward, x: Tensor, x_fake: Tensor, y: Tensor) -> Sequence[Tensor]:
    """Score reals and fakes in one pass each; returns the scores of both."""
    return critic(x, y), critic(x_fake, y)
