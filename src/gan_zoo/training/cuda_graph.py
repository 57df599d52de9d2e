"""Several training steps in one CUDA graph, one launch per replay."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from gan_zoo.training.runner import Batches, Noise, StepRunner, warn_fallback
from gan_zoo.training.step import GANState, StackedMetrics
from gan_zoo.training.traceable import traceable_copy

_WARM_UP = 3  # turns before a capture, in which libraries choose their kernels and take memory


class CudaGraphRunner(StepRunner):
    """Captures steps on a GPU when they first run; same results as eager steps.

    Copies batches to where the graph reads them and replays it; the next replay overwrites the
    metrics. Other numbers of critic updates, such as those of a warm-up, run eagerly; so do all
    steps where a graph cannot be captured, and a line in the log says why.

    Args:
        updates: critic updates of each captured step.
    """

    def __init__(self, gan: GANState, loader: Batches, latents: Noise, updates: Sequence[int]):
        super().__init__(gan, loader, latents)
        for optimizer in (gan.critic_optimizer, gan.generator_optimizer):
            for group in optimizer.param_groups:
                group["capturable"] = True
        self._updates: list[int] | None = list(updates)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._replayed = False  # in the last play
        # averages follow by weights that the graph reads, one for each turn
        self._twin = traceable_copy(gan)
        self._weights = gan.ema.ema_parameters[0].new_zeros(len(updates))

    def run(self, updates: Sequence[int], log: Callable[[StackedMetrics, int], None]) -> None:
        """Run one step for each entry of `updates`, the number of its critic updates."""
        self._replayed = False
        if list(updates) != self._updates:
            super().run(updates, log)
            return
        count = sum(updates)
        x, y = zip(*(self.loader.next() for _ in range(count)), strict=True)
        z = [self.latents.next() for _ in range(count + len(updates))]
        batch = (x, y, z)
        if self._graph is None:
            try:
                self._capture(batch)
            except Exception as error:  # what was changed meanwhile has been put back
                warn_fallback(error)
                self._updates = None
                given = _Replayed(zip(x, y, strict=True)), _Replayed(iter(z))
                StepRunner(self.gan, *given).run(updates, log)
                return
        self._replay(batch)
        self._replayed = True
        for metrics, number in self._metrics:
            log(metrics, number)

    def gradients(self) -> dict[str, Sequence[Tensor]]:
        """Return the gradients of each network's last update."""
        return self._gradients if self._replayed else super().gradients()

    def _replay(self, batch: tuple[Sequence[Tensor], ...]) -> None:
        for inside, given in zip(self._inputs, batch, strict=True):
            torch._foreach_copy_(inside, list(given))
        turns = range(len(self._weights))
        self._weights.copy_(torch.tensor([self.gan.ema.weight(turn) for turn in turns]))
        self._graph.replay()
        for ema in self.gan.emas:
            ema.updates += len(turns)
        self.gan.scored = self._twin.scored

    def _capture(self, batch: tuple[Sequence[Tensor], ...]) -> None:
        before, graph = _State(self.gan), torch.cuda.CUDAGraph()
        self._inputs = [[part.clone() for part in parts] for parts in batch]
        try:
            with torch.cuda.device(self.gan.device):
                aside = torch.cuda.Stream()
                aside.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(aside):
                    for _ in range(_WARM_UP):
                        self._turns(1)
                torch.cuda.current_stream().wait_stream(aside)
                # the default generator is registered by itself; other threads may go on copying
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    self._metrics = _totals(self._turns(len(self._weights)))
                    self._gradients = super().gradients()
        finally:
            before.restore()
        self._graph = graph

    def _turns(self, count: int) -> list[StackedMetrics]:
        """Metrics of the first `count` steps on the inputs that the graph reads."""
        x, y, z = self._inputs
        turns = StepRunner(self._twin, _Replayed(zip(x, y, strict=True)), _Replayed(iter(z)))
        every: list[StackedMetrics] = []
        for weight, updates in zip(self._weights[:count], self._updates[:count], strict=True):
            for ema in self._twin.emas:
                ema.weight = weight
            turns.run([updates], lambda metrics, _: every.append(metrics))
        return every


class _Replayed:
    """Yields given batches."""

    def __init__(self, batches: Iterator[Any]):
        self._batches = batches

    def next(self) -> Any:
        """Return the next batch."""
        return next(self._batches)


def _totals(every: list[StackedMetrics]) -> list[tuple[StackedMetrics, int]]:
    """Sum metrics of equal names; returns the sums and the number of terms."""
    alike: dict[tuple[str, ...], list[Tensor]] = {}
    for metrics in every:
        for names, values in metrics.items():
            alike.setdefault(names, []).append(values)
    return [({names: torch.stack(group).sum(0)}, len(group)) for names, group in alike.items()]


class _State:
    """Saves the state that steps change, to restore it after warm-up steps."""

    def __init__(self, gan: GANState):
        self._tensors = {t: t.detach().clone() for t in _changing(gan)}
        self._game, self._random = gan, torch.cuda.get_rng_state(gan.device)

    def restore(self) -> None:
        """Restore everything; zero optimizer state that was created since."""
        with torch.no_grad():
            for tensor in _changing(self._game):
                tensor.copy_(self._tensors[tensor]) if tensor in self._tensors else tensor.zero_()
        torch.cuda.set_rng_state(self._random, self._game.device)


def _changing(gan: GANState) -> list[Tensor]:
    """Parameters, buffers and the state of the optimizers."""
    optimizers = (gan.critic_optimizer, gan.generator_optimizer)
    states = [state for o in optimizers for state in o.state.values()]
    networks = [gan.critic, gan.generator, *(ema.network for ema in gan.emas)]
    weights = [t for network in networks for t in (*network.parameters(), *network.buffers())]
    return [*weights, *(t for s in states for t in s.values() if torch.is_tensor(t))]
