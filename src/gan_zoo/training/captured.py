"""Turns captured into a CUDA graph, several in one: all of them then cost the host one launch."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from gan_zoo.training.quick import cannot
from gan_zoo.training.step import Game, Told
from gan_zoo.training.traced import twin_of
from gan_zoo.training.turns import Batches, Noise, Turns

_WARM_UP = 3  # turns before a capture, in which libraries choose their kernels and take memory


class Captured(Turns):
    """Turns on a GPU, captured when so many of them are first played; same results as plain ones.

    Batches are copied to where the graph reads them, and the graph is replayed; values that it
    tells are overwritten by the next replay. Other turns, such as those of a warm-up, are played
    step by step; so are all where a graph cannot be captured, and a line in the log says why.

    Args:
        updates: critic updates of each turn that is captured.
    """

    def __init__(self, game: Game, feed: Batches, latents: Noise, updates: Sequence[int]):
        super().__init__(game, feed, latents)
        for optimizer in (game.critic_optimizer, game.generator_optimizer):
            for group in optimizer.param_groups:
                group["capturable"] = True
        self._updates: list[int] | None = list(updates)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._replayed = False  # in the last play
        # averages follow by weights that the graph reads, one for each turn
        self._twin = twin_of(game)
        self._weights = game.average.averages[0].new_zeros(len(updates))

    def play(self, updates: Sequence[int], tell: Callable[[Told, int], None]) -> None:
        """One turn after the other, each with so many critic updates."""
        self._replayed = False
        if list(updates) != self._updates:
            super().play(updates, tell)
            return
        count = sum(updates)
        x, y = zip(*(self.feed.next() for _ in range(count)), strict=True)
        z = [self.latents.next() for _ in range(count + len(updates))]
        batch = (x, y, z)
        if self._graph is None:
            try:
                self._capture(batch)
            except Exception as error:  # what was changed meanwhile has been put back
                cannot(error)
                self._updates = None
                given = _Given(zip(x, y, strict=True)), _Given(iter(z))
                Turns(self.game, *given).play(updates, tell)
                return
        self._replay(batch)
        self._replayed = True
        for told, number in self._told:
            tell(told, number)

    def gradients(self) -> dict[str, Sequence[Tensor]]:
        """Each player's, of its last update."""
        return self._gradients if self._replayed else super().gradients()

    def _replay(self, batch: tuple[Sequence[Tensor], ...]) -> None:
        for inside, given in zip(self._inputs, batch, strict=True):
            torch._foreach_copy_(inside, list(given))
        turns = range(len(self._weights))
        self._weights.copy_(torch.tensor([self.game.average.weight(turn) for turn in turns]))
        self._graph.replay()
        for average in self.game.averages:
            average.updates += len(turns)
        self.game.scored = self._twin.scored

    def _capture(self, batch: tuple[Sequence[Tensor], ...]) -> None:
        before, graph = _State(self.game), torch.cuda.CUDAGraph()
        self._inputs = [[part.clone() for part in parts] for parts in batch]
        try:
            with torch.cuda.device(self.game.device):
                aside = torch.cuda.Stream()
                aside.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(aside):
                    for _ in range(_WARM_UP):
                        self._turns(1)
                torch.cuda.current_stream().wait_stream(aside)
                # the default generator is registered by itself; other threads may go on copying
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    self._told = _totals(self._turns(len(self._weights)))
                    self._gradients = super().gradients()
        finally:
            before.restore()
        self._graph = graph

    def _turns(self, count: int) -> list[Told]:
        """What is told of the first turns on what has been copied to where the graph reads it."""
        x, y, z = self._inputs
        turns = Turns(self._twin, _Given(zip(x, y, strict=True)), _Given(iter(z)))
        every: list[Told] = []
        for weight, updates in zip(self._weights[:count], self._updates[:count], strict=True):
            for average in self._twin.averages:
                average.weight = weight
            turns.play([updates], lambda told, _: every.append(told))
        return every


class _Given:
    """Batches that are there already."""

    def __init__(self, batches: Iterator[Any]):
        self._batches = batches

    def next(self) -> Any:
        """The next of them."""
        return next(self._batches)


def _totals(every: list[Told]) -> list[tuple[Told, int]]:
    """Values of the same names added up, and how many they were."""
    alike: dict[tuple[str, ...], list[Tensor]] = {}
    for told in every:
        for names, values in told.items():
            alike.setdefault(names, []).append(values)
    return [({names: torch.stack(group).sum(0)}, len(group)) for names, group in alike.items()]


class _State:
    """What turns change, to be put back in place after some that were only for warming up."""

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
    networks = [game.critic, game.generator, *(average.network for average in game.averages)]
    weights = [t for network in networks for t in (*network.parameters(), *network.buffers())]
    return [*weights, *(t for s in states for t in s.values() if torch.is_tensor(t))]
