"""Turns made quicker as one: compiled on a CPU, captured on a GPU; and whether that pays."""

import logging

from torch import nn

from gan_zoo.training.step import Game
from gan_zoo.training.turns import Batches, Noise, Turns

log = logging.getLogger(__name__)

_WORTH_IT = {"cpu": 25_000, "cuda": 1_000}  # turns; to compile one costs what 10,000 of them save
_AT_ONCE = 64  # updates in one graph on a GPU


def pays(game: Game, turns: int) -> bool:
    """Whether to be quick pays: on a GPU almost always, on a CPU for long runs of perceptrons.

    There convolutions gain nothing: their time goes into kernels that a compiler leaves alone.
    """
    modules = (*game.generator.modules(), *game.critic.modules())
    convolves = any(isinstance(module, nn.modules.conv._ConvNd) for module in modules)
    on_cuda = game.device.type == "cuda"
    return turns >= _WORTH_IT[game.device.type] and (on_cuda or not convolves)


def at_once(game: Game, n_critic: int, gap: int) -> int:
    """How many turns are best played as one: a divisor of `gap`, of which 0 has all."""
    most = {"cpu": 1, "cuda": max(1, _AT_ONCE // (n_critic + 1))}[game.device.type]
    return max(count for count in range(1, most + 1) if gap % count == 0)


def quick_turns(game: Game, feed: Batches, latents: Noise, n_critic: int, together: int) -> Turns:
    """Turns compiled or captured when they are first played.

    Where that cannot be, they go on step by step, and a line in the log says why.
    """
    try:
        if game.device.type == "cuda":
            from gan_zoo.training.captured import Captured

            return Captured(game, feed, latents, [n_critic] * together)
        from gan_zoo.training.compiled import Compiled

        return Compiled(game, feed, latents)
    except Exception as error:  # compilers fail in many ways
        cannot(error)
        return Turns(game, feed, latents)


def cannot(error: Exception) -> None:
    """Say that steps run as they are written, and why."""
    why = str(error).strip().partition("\n")[0]
    log.warning("%-13s not possible here, steps run as they are (%s)", "compile", why)
