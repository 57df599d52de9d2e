"""The GANs of several runs as one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from gan_zoo.losses import ScoredBatch
from gan_zoo.ranks import Ranks
from gan_zoo.regularizers.gradient_penalties import has_batch_norm
from gan_zoo.training.numerics import autocast_forward
from gan_zoo.training.stack.networks import StackedEMA, StackedNetwork, StackedStep
from gan_zoo.training.stack.settings import StackedLoss, StackedRegularizer
from gan_zoo.training.step import GANState


class StackedGAN:
    """The GANs of several runs as one, with all that the steps of `step.py` use of a `GANState`.

    Args:
        gans: of runs that are equal but for their seed and numbers of loss and regularizer.
        optimizers: make the optimizer of a list of parameters, by network.
        of_stack: those of all runs that share compiled steps.

    Attributes:
        count: of the runs.

    Raises TypeError for GANs that cannot be stacked.
    """

    ranks = Ranks()

    def __init__(
        self,
        gans: Sequence[GANState],
        optimizers: Mapping[str, Callable],
        of_stack: Sequence[GANState],
    ):
        first = gans[0]
        if first.use_pseudo_labels:
            raise TypeError("samples have no labels, which the critic's average predicts")
        networks = (first.generator, first.critic)
        if first.precision == "bf16" and any(map(has_batch_norm, networks)):
            raise TypeError("torch cannot stack batch norm in bf16")  # its statistics are fp32
        self.device, self.count = first.device, len(gans)
        self.generator = StackedNetwork([gan.generator for gan in gans])
        self.critic = StackedNetwork([gan.critic for gan in gans])
        parameters = list(self.critic.parameters())
        self.loss = StackedLoss(
            [gan.loss for gan in gans], parameters[0], [gan.loss for gan in of_stack]
        )
        self.regularizer = StackedRegularizer([gan.regularizer for gan in gans], parameters)
        self.ema = StackedEMA([gan.ema for gan in gans], self.generator)
        of_critics = [gan.ema_critic for gan in gans if gan.ema_critic is not None]
        self.ema_critic = StackedEMA(of_critics, self.critic) if of_critics else None
        self.generate = autocast_forward(self.generator, first.precision)
        self.score = autocast_forward(self.critic, first.precision)
        self.score_both = first.score_both
        self.generator_update, self.critic_update = (
            StackedStep(
                network, [getattr(gan, f"{name}_optimizer") for gan in gans], optimizers[name]
            )
            for name, network in (("generator", self.generator), ("critic", self.critic))
        )
        self.scored: tuple[ScoredBatch, ...] = ()
        self.stop_wish: list[Tensor] = []
        self.stop_answer: list[Tensor] = []

    @property
    def emas(self) -> list[Any]:
        """All EMA copies."""
        return [ema for ema in (self.ema, self.ema_critic) if ema is not None]

    def pseudo_labels(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the labels: runs with unlabeled samples are not stacked."""
        return y
