"""The two steps captured into CUDA graphs: a step then costs the host two launches."""

from collections.abc import Callable

import torch
from torch import Tensor

from gan_zoo.training.step import Game, Step, Values, critic_step, generator_step

_WARM_UP = 3  # steps before a capture, in which libraries choose their kernels and take memory


def captured(game: Game) -> tuple[Step, Step]:
    """Both steps of a game on a GPU, captured when they are first called; same results as eager."""
    for optimizer in (game.critic_optimizer, game.generator_optimizer):
        for group in optimizer.param_groups:
            group["capturable"] = True
    return _Captured(game, critic_step), _Captured(game, generator_step)


class _Captured:
    """One step as a graph: a batch is copied to where the graph reads it, and the graph replayed.

    The values that it returns are overwritten by the next call.
    """

    def __init__(self, game: Game, step: Callable[..., Values]):
        self._game, self._step, self._graph = game, step, None

    def __call__(self, x: Tensor, y: Tensor, z: Tensor) -> Values:
        """One update on samples, labels and latent vectors, always of the same shapes."""
        if self._graph is None:
            self._capture(x, y, z)
        for inside, given in zip(self._inputs, (x, y, z), strict=True):
            inside.copy_(given)
        self._graph.replay()
        self._game.scored = self._scored
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        return self._values

    def _capture(self, *batch: Tensor) -> None:
        before, graph = _State(self._game), torch.cuda.CUDAGraph()
        self._inputs = [part.clone() for part in batch]
        try:
            with torch.cuda.device(self._game.device):
                aside = torch.cuda.Stream()
                aside.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(aside):
                    for _ in range(_WARM_UP):
                        self._step(self._game, *self._inputs)
                torch.cuda.current_stream().wait_stream(aside)
                # the default generator is registered by itself; other threads may go on copying
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    self._values = self._step(self._game, *self._inputs)
        finally:
            before.restore()
        self._graph, self._scored = graph, self._game.scored
        players = (self._game.critic, self._game.generator)
        parameters = [p for player in players for p in player.parameters()]
        self._gradients = [(p, p.grad) for p in parameters if p.grad is not None]


class _State:
    """What a step changes, to be put back in place after steps that were only for warming up."""

    def __init__(self, game: Game):
        self._tensors = {t: t.detach().clone() for t in _changing(game)}
        self._game, self._random = game, torch.cuda.get_rng_state(game.device)

    def restore(self) -> None:
        """Put everything back; optimizer state that has come into being since is zero again."""
        with torch.no_grad():
            for tensor in _changing(self._game):
                tensor.copy_(self._tensors[tensor]) if tensor in self._tensors else tensor.zero_()
        torch.cuda.set_rng_state(self._random, self._game.device)


def _changing(game: Game) -> list[Tensor]:
    """Parameters, buffers and the state of the optimizers."""
    optimizers = (game.critic_optimizer, game.generator_optimizer)
    states = [state for o in optimizers for state in o.state.values()]
    networks = [t for n in (game.critic, game.generator) for t in (*n.parameters(), *n.buffers())]
    return [*networks, *(t for s in states for t in s.values() if torch.is_tensor(t))]
