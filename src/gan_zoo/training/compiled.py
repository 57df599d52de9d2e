"""Turns compiled, each into one graph: passes, gradients, penalty, updates, clipping, averages.

A forward and a backward pass compiled apart lose on CPUs, where what one saves for the other costs
more than computing it again. In one graph nothing is saved, and the updates melt into the rest.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType

import torch
import torch._dynamo
from torch import Tensor, fx
from torch._inductor.custom_graph_pass import CustomGraphPass

from gan_zoo.training.quick import cannot
from gan_zoo.training.step import Game, Told, both_players, critic_alone
from gan_zoo.training.traced import TracedDescent, twin_of
from gan_zoo.training.turns import Batches, Noise, Turns

_CACHE = "~/.cache/gan_zoo/compiled"
_aten = torch.ops.aten


class _ApartBiases(CustomGraphPass):
    """Products without their biases, which then melt into the activation that follows.

    Otherwise each bias is copied out, row by row, to where a product is added to it.
    """

    def __call__(self, graph: fx.Graph) -> None:
        for node in graph.find_nodes(op="call_function", target=_aten.addmm.default):
            bias, *factors = node.args
            if node.kwargs:  # scaled, too
                continue
            with graph.inserting_before(node):
                product = graph.call_function(_aten.mm.default, tuple(factors))
                total = graph.call_function(_aten.add.Tensor, (product, bias))
            for made in (product, total):
                made.meta.update(node.meta)
            node.replace_all_uses_with(total)
            graph.erase_node(node)

    def uuid(self) -> str:
        """Name of what this does, by which compiled code is kept."""
        return "gan_zoo: biases apart from products"


_OPTIONS = {
    # nothing that guards watch ever changes, and to ask a hundred tensors takes a tenth of a step
    "guard_filter_fn": lambda guards: [False] * len(guards),
    "fallback_random": True,  # torch's own random numbers, not the compiler's
    "post_grad_custom_post_pass": _ApartBiases(),
}


class Compiled(Turns):
    """Turns compiled when they are first played; results agree with plain ones up to rounding.

    Two graphs, for the critic's update alone and for that of both players. Where either cannot be
    compiled, both go on as they are written, and a line in the log says why.

    Raises TypeError for an optimizer that cannot be traced.
    """

    def __init__(self, game: Game, feed: Batches, latents: Noise):
        super().__init__(game, feed, latents)
        torch._dynamo.config.trace_autograd_ops = True  # gradients are taken inside of the graph
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(_CACHE).expanduser()))
        self._twin = twin_of(game)
        critic = self._twin.descend_critic = TracedDescent(game.descend_critic)
        generator = self._twin.descend_generator = TracedDescent(game.descend_generator)
        self._moves = {
            critic_alone: [critic],
            both_players: [critic, generator, *self._twin.averages],
        }
        self._graphs = {step: _in_one_graph(step) for step in self._moves}
        self._new = set(self._moves)  # never called yet

    def critic_alone(self, *given: Tensor) -> Told:
        return self._take(critic_alone, given)

    def both_players(self, *given: Tensor) -> Told:
        return self._take(both_players, given)

    def gradients(self) -> dict[str, Sequence[Tensor]]:
        """Each player's, of its last update."""
        return Turns(self._twin if self._graphs else self.game, self.feed, self.latents).gradients()

    def _take(self, step: Callable, given: Sequence[Tensor]) -> Told:
        if not self._graphs:
            return step(self.game, *given)
        if step not in self._new:
            return self._play(step, given)
        self._new.remove(step)
        try:
            return self._play(step, given)
        except Exception as error:  # compilers fail in many ways, before they change anything
            cannot(error)
            self._graphs.clear()
            return step(self.game, *given)

    def _play(self, step: Callable, given: Sequence[Tensor]) -> Told:
        for part in self._moves[step]:
            part.before()
        told = self._graphs[step](self._twin, *given)
        for part in self._moves[step]:
            part.after()
        self.game.scored = self._twin.scored
        return told


def _in_one_graph(step: Callable) -> Callable:
    """A step compiled, from a copy of it: compiled code is kept by code, which jobs would share."""
    own = FunctionType(step.__code__.replace(), step.__globals__, step.__name__)
    return torch.compile(own, fullgraph=True, options=dict(_OPTIONS))  # torch takes from them
