"""The training loop: n_critic critic updates on fresh data and noise, then one of the generator."""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.labels import hidden
from gan_zoo.data.feed import Feed
from gan_zoo.training.ema import MovingAverage
from gan_zoo.training.latents import Latents
from gan_zoo.training.meters import Meters
from gan_zoo.training.quick import Plain, Quick
from gan_zoo.training.schedule import Warmup
from gan_zoo.training.step import Game


@dataclasses.dataclass
class Training:
    """A game being played: everything that changes from step to step.

    Attributes:
        noise: stream of latent vectors, on the generator's device.
        classifier: average of a critic that classifies; None for one that does not.
        quick: whether steps are compiled, or captured on a GPU; a continued run does as it did.
        step: generator updates made so far.
    """

    game: Game
    feed: Feed
    average: MovingAverage
    noise: torch.Generator
    n_critic: int
    warmup: Warmup
    classifier: MovingAverage | None = None
    quick: bool = False
    meters: Meters = dataclasses.field(default_factory=Meters)
    step: int = 0

    def __post_init__(self) -> None:
        self.latents = Latents(self.game.generator, self.feed.batch_size, self.noise)
        self._steps: Plain | None = None  # made once there is a state to start from

    def advance(self) -> None:
        """One generator update, with the critic updates that precede it."""
        if self._steps is None:
            self._steps = (Quick if self.quick else Plain)(self.game)
        for _ in range(self.warmup.critic_updates(self.step, self.n_critic)):
            x, y = self._guessed(*self.feed.next())
            self.meters.add(self._steps.critic(x, y, self.latents.next()))
        self.meters.add(self._steps.generator(x, y, self.latents.next()))
        self.average.update()
        if self.classifier is not None:
            self.classifier.update()
        self.step += 1

    @torch.no_grad()
    def _guessed(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """A batch whose hidden labels are the present guesses of the averaged classifier."""
        if self.classifier is None or not self.feed.hides_labels:
            return x, y
        guess = self.classifier.network.scores(x).argmax(-1)
        return x, torch.where(y < 0, hidden(guess), y)

    def read_meters(self, anew: bool = True) -> dict[str, Tensor]:
        """Means of all values since the meters last started anew, and what the last step tells.

        Of the last step are the norms of the gradients, and the meters of the loss. Scalars on the
        device, which nobody waits for.
        """
        last = self.game.loss.meters(*self.game.scored) if self.game.scored else {}
        for player in ("critic", "generator"):
            gradients = [p.grad for p in getattr(self.game, player).parameters()]
            norm = torch.nn.utils.get_total_norm([g for g in gradients if g is not None])
            last[f"grad_norm/{player}"] = norm
        return {**self.meters.read(anew), **last}

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly from here: tensors and plain values only."""
        device = self.game.device
        return {
            "step": self.step,
            "quick": self.quick,
            "generator": self.game.generator.state_dict(),
            "critic": self.game.critic.state_dict(),
            "generator_optimizer": self.game.generator_optimizer.state_dict(),
            "critic_optimizer": self.game.critic_optimizer.state_dict(),
            "average": self.average.network.state_dict(),
            "average_updates": self.average.updates,
            "classifier": self.classifier and self.classifier.network.state_dict(),
            "noise": self.latents.state(),
            "feed_position": self.feed.position,
            "default_noise": torch.get_rng_state(),
            "default_noise_cuda": torch.cuda.get_rng_state(device)
            if device.type == "cuda"
            else None,
            "meters": self.meters.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly from where `state_dict` was called."""
        for name in ("generator", "critic"):
            getattr(self.game, name).load_state_dict(state[name])
            load_optimizer(getattr(self.game, f"{name}_optimizer"), state[f"{name}_optimizer"])
        self.average.network.load_state_dict(state["average"])
        self.average.updates = state["average_updates"]
        if self.classifier is not None:
            self.classifier.network.load_state_dict(state["classifier"])
            self.classifier.updates = state["average_updates"]
        self.latents.restore(state["noise"])
        self.feed.position = state["feed_position"]
        torch.set_rng_state(state["default_noise"])
        if state["default_noise_cuda"] is not None and self.game.device.type == "cuda":
            torch.cuda.set_rng_state(state["default_noise_cuda"], self.game.device)
        self.meters.restore(state["meters"], self.noise.device)
        self.step, self.quick = state["step"], state["quick"]
        self._steps = None


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Go on from an optimizer's state, its tensors laid out in memory as their parameters are."""
    optimizer.load_state_dict(state)
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if value.shape == parameter.shape:  # fused optimizers trust that the strides agree
                values[name] = torch.empty_like(parameter, requires_grad=False).copy_(value)


def train(
    training: Training,
    steps: int,
    cadence: list[tuple[int, Callable[[], None]]],
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Advance to `steps`; each (period, action) acts at its multiples, and at the end.

    Returns earlier if `stopping` says so after a step.
    """
    while training.step < steps and not stopping():
        training.advance()
        for period, act in cadence:
            if training.step % period == 0 or training.step == steps:
                act()
