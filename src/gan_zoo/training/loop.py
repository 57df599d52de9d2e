"""The training loop: n_critic critic updates on fresh data and noise, then one of the generator."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gan_zoo.data.feed import Feed
from gan_zoo.training.latents import Latents
from gan_zoo.training.meters import Meters
from gan_zoo.training.quick import at_once, quick_turns
from gan_zoo.training.schedule import Warmup
from gan_zoo.training.step import Game
from gan_zoo.training.turns import Turns


@dataclasses.dataclass
class Training:
    """A game being played: everything that changes from step to step.

    Attributes:
        noise: stream of latent vectors, on the generator's device.
        quick: whether turns are compiled, or captured on a GPU; a continued run does as it did.
        step: generator updates made so far.
        midway: whether some of the next step is done: True where an exception ended it.
    """

    game: Game
    feed: Feed
    noise: torch.Generator
    n_critic: int
    warmup: Warmup
    quick: bool = False
    meters: Meters = dataclasses.field(default_factory=Meters)
    step: int = 0
    midway: bool = dataclasses.field(default=False, init=False)

    def __post_init__(self) -> None:
        self.latents = Latents(self.game.generator, self.feed.batch_size, self.noise)
        self._turns: Turns | None = None  # made once there is a state to start from

    def prepare(self, gap: int) -> int:
        """Get ready for `advance`. Returns how many steps it best takes at once.

        They are a divisor of `gap`, the steps between which others look; 0 where nobody does.
        """
        table = (self.game, self.feed, self.latents)
        if not self.quick:
            self._turns = Turns(*table)
            return 1
        together = at_once(self.game, self.n_critic, gap)
        self._turns = quick_turns(*table, self.n_critic, together)
        return together

    def advance(self, count: int = 1) -> None:
        """Generator updates, with the critic updates that precede each."""
        if self._turns is None:
            self.prepare(1)
        steps = range(self.step, self.step + count)
        updates = [self.warmup.critic_updates(step, self.n_critic) for step in steps]
        self.midway = True
        self._turns.play(updates, self.meters.add)
        self.step += count
        self.midway = False

    def read_meters(self, anew: bool = True) -> dict[str, Tensor]:
        """Means of all values since the meters last started anew, and what the last step tells.

        Of the last step are the norms of the gradients, and the meters of the loss. Scalars on the
        device, which nobody waits for.
        """
        last = self.game.loss.meters(*self.game.scored) if self.game.scored else {}
        for player, gradients in self._turns.gradients().items() if self._turns else ():
            norms = torch._foreach_norm(list(gradients))
            last[f"grad_norm/{player}"] = torch.stack(norms).norm()
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
            "average": self.game.average.network.state_dict(),
            "average_updates": self.game.average.updates,
            "classifier": self.game.classifier and self.game.classifier.network.state_dict(),
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
        self.game.average.network.load_state_dict(state["average"])
        if self.game.classifier is not None:
            self.game.classifier.network.load_state_dict(state["classifier"])
        for average in self.game.averages:
            average.updates = state["average_updates"]
        self.latents.restore(state["noise"])
        self.feed.position = state["feed_position"]
        torch.set_rng_state(state["default_noise"])
        if state["default_noise_cuda"] is not None and self.game.device.type == "cuda":
            torch.cuda.set_rng_state(state["default_noise_cuda"], self.game.device)
        self.meters.restore(state["meters"], self.noise.device)
        self.step, self.quick = state["step"], state["quick"]
        self._turns = None


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
    cadence: list[tuple[int | None, Callable[[], None]]],
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Advance to `steps`; each (period, action) acts at its multiples, and at the end.

    What has a period of 0 acts as often as it can, and of None at the end alone. Returns earlier if
    `stopping` says so.
    """
    together = training.prepare(math.gcd(*(period or 0 for period, _ in cadence)))
    while training.step < steps and not stopping():
        aligned = training.step % together == 0 and training.step + together <= steps
        training.advance(together if aligned else 1)
        for period, act in cadence:
            if training.step == steps or (period is not None and _is_due(training.step, period)):
                act()


def _is_due(step: int, period: int) -> bool:
    return not period or step % period == 0
