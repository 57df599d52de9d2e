"""The two steps of a game made quicker as one: compiled on a CPU, captured on a GPU."""

import logging
from functools import partial

from torch import Tensor, nn

from gan_zoo.training.step import Game, Step, Values, critic_step, generator_step

log = logging.getLogger(__name__)

_WORTH_IT = {"cpu": 50_000, "cuda": 1_000}  # updates; compiling costs about as much as 10,000 save


def pays(game: Game, updates: int) -> bool:
    """Whether to be quick pays: on a GPU almost always, on a CPU for long runs of perceptrons.

    There convolutions gain nothing: their time goes into kernels that a compiler leaves alone.
    """
    modules = (*game.generator.modules(), *game.critic.modules())
    convolves = any(isinstance(module, nn.modules.conv._ConvNd) for module in modules)
    on_cuda = game.device.type == "cuda"
    return updates >= _WORTH_IT[game.device.type] and (on_cuda or not convolves)


class Plain:
    """The two steps as they are written."""

    def __init__(self, game: Game):
        self._steps: tuple[Step, Step] = (partial(critic_step, game), partial(generator_step, game))

    def critic(self, x: Tensor, y: Tensor, z: Tensor) -> Values:
        """One critic update on samples, labels and latent vectors."""
        return self._steps[0](x, y, z)

    def generator(self, x: Tensor, y: Tensor, z: Tensor) -> Values:
        """One generator update on samples, labels and latent vectors."""
        return self._steps[1](x, y, z)


class Quick(Plain):
    """The same, compiled or captured at the first call of each, once and for all.

    Where either cannot be, both go on as they are written, and a line in the log says why.
    """

    def __init__(self, game: Game):
        super().__init__(game)
        self._game, self._plain = game, self._steps
        self._first = [True, True]
        try:
            self._steps = _ways()[game.device.type](game)
        except Exception as error:
            self._give_up(error)

    def critic(self, x: Tensor, y: Tensor, z: Tensor) -> Values:
        return self._take(0, x, y, z)

    def generator(self, x: Tensor, y: Tensor, z: Tensor) -> Values:
        return self._take(1, x, y, z)

    def _take(self, which: int, x: Tensor, y: Tensor, z: Tensor) -> Values:
        if not self._first[which]:
            return self._steps[which](x, y, z)
        self._first[which] = False
        try:
            return self._steps[which](x, y, z)
        except Exception as error:  # compilers fail in many ways, before they change anything
            if self._steps is self._plain:
                raise
            self._give_up(error)
            return self._steps[which](x, y, z)

    def _give_up(self, error: Exception) -> None:
        self._steps = self._plain
        why = str(error).strip().partition("\n")[0]
        log.warning("%-13s not possible here, steps run as they are (%s)", "compile", why)


def _ways() -> dict:
    from gan_zoo.training.compiled import compiled
    from gan_zoo.training.graph import captured

    return {"cpu": compiled, "cuda": captured}
