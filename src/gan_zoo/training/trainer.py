"""The training loop: n_critic critic updates on fresh data and noise, then one generator update."""

import contextlib
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gan_zoo.data.loader import BatchLoader
from gan_zoo.training.cpu_threads import CPUThreads
from gan_zoo.training.meters import MeanMetrics
from gan_zoo.training.noise import NoiseSampler
from gan_zoo.training.runner import StepRunner
from gan_zoo.training.runner_choice import make_runner, steps_per_graph
from gan_zoo.training.schedule import CriticWarmup
from gan_zoo.training.step import GANState

Schedule = list[tuple[int | None, Callable[[], None]]]  # (period in generator updates, action)


@dataclasses.dataclass
class Trainer:
    """Everything that changes from step to step of one run.

    Attributes:
        noise: all random numbers of the steps.
        threads: of the CPU.
        compiled: whether steps are compiled, or captured on a GPU; loading a state changes it.
        step: generator updates made so far.
        midway: whether part of the next step is done: True after an exception in it.
    """

    gan: GANState
    loader: BatchLoader
    noise: NoiseSampler
    n_critic: int
    warmup: CriticWarmup
    threads: CPUThreads = dataclasses.field(default_factory=CPUThreads)
    compiled: bool = False
    metrics: MeanMetrics = dataclasses.field(default_factory=MeanMetrics)
    step: int = 0
    midway: bool = dataclasses.field(default=False, init=False)

    def __post_init__(self) -> None:
        self._chunk = 1  # steps that `fit` makes at once
        self._runner: StepRunner | None = None  # made after a state was loaded, if any is

    def setup_runner(self, gap: int) -> int:
        """Choose the runner for `train_steps`. Returns the best number of steps per call.

        The number divides `gap`, the steps between two callbacks (0: there are none).
        """
        parts = (self.gan, self.loader, self.noise)
        if not self.compiled:
            self._runner = StepRunner(*parts)
            return 1
        count = steps_per_graph(self.gan, self.n_critic, gap)
        self._runner = make_runner(*parts, self.n_critic, count)
        return count

    def critic_updates(self, count: int) -> list[int]:
        """Return the number of critic updates of each of the next `count` steps."""
        steps = range(self.step, self.step + count)
        return [self.warmup.critic_updates(step, self.n_critic) for step in steps]

    def use_runner(self, runner: Any) -> None:
        """Let another trainer make the steps; `runner` has the gradients of the last one."""
        self._runner = runner

    def train_steps(self, count: int = 1) -> None:
        """Make `count` generator updates, with the critic updates that precede each."""
        if self._runner is None:
            self.setup_runner(1)
        updates = self.critic_updates(count)
        self.midway = True
        with self.threads.of_step():
            self._runner.run(updates, self.metrics.add)
        self.step += count
        self.midway = False

    def compute_metrics(self, reset: bool = True) -> dict[str, Tensor]:
        """Return means since the last reset, and the last step's gradient norms and loss metrics.

        Scalars on the device, without synchronizing.
        """
        last = self.gan.loss.metrics(*self.gan.scored) if self.gan.scored else {}
        for name, gradients in self._runner.gradients().items() if self._runner else ():
            norms = torch._foreach_norm(list(gradients))
            last[f"grad_norm/{name}"] = torch.stack(norms).norm()
        return {**self.metrics.compute(reset), **last}

    def fit(
        self,
        steps: int,
        schedule: Schedule,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Train up to step `steps`; call each action at multiples of its period and at the end.

        An action with period 0 is called after every chunk of steps, one with period None only at
        the end. Returns early once `should_stop()` is true; with several ranks, one chunk after it
        is true on any of them, so that all return after the same step.
        """
        self._chunk = self.setup_runner(math.gcd(*(period or 0 for period, _ in schedule)))
        with contextlib.closing(self.threads):
            while self.step < steps and not self._stops(should_stop()):
                self._train_chunk(steps)
                for period, act in schedule:
                    if self.is_due(period, steps):
                        act()

    def is_due(self, period: int | None, steps: int) -> bool:
        """Return whether `fit` up to step `steps` calls an action with this period now."""
        if self.step == steps:
            return True
        return period is not None and (not period or self.step % period == 0)

    def _train_chunk(self, steps: int) -> None:
        self.train_steps(steps_at_once(self.step, self._chunk, steps))

    def _stops(self, wish: bool) -> bool:
        """Return whether to stop now; several ranks exchange their wishes in the next chunk."""
        if self.gan.ranks.count == 1:
            return wish
        if any(answer.item() for answer in self.gan.stop_answer):
            return True
        self.gan.stop_wish[0].fill_(wish)
        return False

    def leave_ranks(self, steps: int) -> None:
        """Let the other ranks stop, if an exception between two steps of `fit` has ended it.

        They train the next chunk already, so this one does, too: save before. If `fit` has not
        begun, or a step failed, the others fail by themselves.
        """
        together = self.gan.ranks.count > 1 and self._runner is not None and not self.midway
        if not together or self.step == steps or self._stops(True):
            return
        with contextlib.suppress(RuntimeError):  # they may have ended, too
            self._train_chunk(steps)

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to resume exactly: tensors and plain values only."""
        return {
            "step": self.step,
            "compiled": self.compiled,
            "threads": self.threads.count,
            "generator": self.gan.generator.state_dict(),
            "critic": self.gan.critic.state_dict(),
            "generator_optimizer": self.gan.generator_optimizer.state_dict(),
            "critic_optimizer": self.gan.critic_optimizer.state_dict(),
            "ema": self.gan.ema.network.state_dict(),
            "ema_updates": self.gan.ema.updates,
            "ema_critic": self.gan.ema_critic and self.gan.ema_critic.network.state_dict(),
            **self.noise.state_dict(),
            "loader_position": self.loader.position,
            "metrics": self.metrics.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume exactly from a `state_dict`."""
        for name in ("generator", "critic"):
            getattr(self.gan, name).load_state_dict(state[name])
            load_optimizer_state(getattr(self.gan, f"{name}_optimizer"), state[f"{name}_optimizer"])
        self.gan.ema.network.load_state_dict(state["ema"])
        if self.gan.ema_critic is not None:
            self.gan.ema_critic.network.load_state_dict(state["ema_critic"])
        for ema in self.gan.emas:
            ema.updates = state["ema_updates"]
        self.noise.load_state_dict(state)
        self.loader.position = state["loader_position"]
        self.metrics.load_state_dict(state["metrics"], self.gan.device)
        self.step, self.compiled = state["step"], state["compiled"]
        self._runner = None


def steps_at_once(step: int, chunk: int, steps: int) -> int:
    """Return how many of `steps` to make after `step`: a chunk at its multiples, else 1."""
    return chunk if step % chunk == 0 and step + chunk <= steps else 1


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimizer's state, saved on any device; its settings, such as rates, stay its own.

    Its tensors get the strides of their parameters.
    """
    groups = zip(optimizer.param_groups, state["param_groups"], strict=True)
    own = [{**group, "params": saved["params"]} for group, saved in groups]
    optimizer.load_state_dict({**state, "param_groups": own})
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if value.shape == parameter.shape:  # fused optimizers assume equal strides
                values[name] = torch.empty_like(parameter, requires_grad=False).copy_(value)
            elif parameter.is_cuda:  # the number of updates, which a CUDA graph counts
                values[name] = value.to(parameter.device)
