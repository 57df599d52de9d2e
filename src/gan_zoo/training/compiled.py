"""The two steps compiled, each into one graph: passes, gradients, penalty, update, clipping.

A forward and a backward pass compiled apart lose on CPUs, where what one saves for the other costs
more than computing it again. In one graph nothing is saved, and the update melts into the rest.
"""

import copy
import os
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import torch
import torch._dynamo
from torch import Tensor

from gan_zoo.training.step import Game, Step, Values, critic_step, generator_step
from gan_zoo.training.traced import TracedDescent

_CACHE = "~/.cache/gan_zoo/compiled"
_OPTIONS = {
    "fallback_random": True,  # torch's own random numbers, not the compiler's
    "guard_filter_fn": lambda guards: [False] * len(guards),  # nothing they watch ever changes
}


def compiled(game: Game) -> tuple[Step, Step]:
    """Both steps of a game, compiled when they are first called; results agree up to rounding.

    Raises TypeError for an optimizer that cannot be traced.
    """
    torch._dynamo.config.trace_autograd_ops = True  # gradients are taken inside of the graph
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(_CACHE).expanduser()))
    twin = copy.copy(game)
    twin.descend_critic = critic = TracedDescent(game.descend_critic)
    twin.descend_generator = generator = TracedDescent(game.descend_generator)
    steps = [_of_its_own(step) for step in (critic_step, generator_step)]
    in_graph = [torch.compile(step, fullgraph=True, options=_OPTIONS) for step in steps]

    def step_critic(x: Tensor, y: Tensor, z: Tensor) -> Values:
        critic.before()
        values = in_graph[0](twin, x, y, z)
        critic.after()
        game.scored = twin.scored
        return values

    def step_generator(x: Tensor, y: Tensor, z: Tensor) -> Values:
        generator.before()
        values = in_graph[1](twin, x, y, z)
        generator.after()
        return values

    return step_critic, step_generator


def _of_its_own(step: Callable[..., Values]) -> Callable[..., Values]:
    """A copy of a function: what is compiled is kept by its code, which jobs of a sweep share."""
    return FunctionType(step.__code__.replace(), step.__globals__, step.__name__)
