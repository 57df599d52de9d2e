"""Several training steps in one CUDA graph, one launch per replay."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_iter, tree_map_only

from gan_zoo.training.noise import Noise, UpdateNoise
from gan_zoo.training.runner import Batches, StepRunner, warn_fallback
from gan_zoo.training.step import GANState, StackedMetrics
from gan_zoo.training.traceable import traceable_copy

_WARM_UP = 3  # steps before a capture, in which libraries choose kernels and allocate memory


class CudaGraphRunner(StepRunner):
    """Captures steps on a GPU when they first run; same results as eager steps.

    Copies batches to the graph's inputs and replays it; the next replay overwrites the metrics.
    Other numbers of critic updates, such as those of a warm-up, run eagerly; so do all steps if no
    graph can be captured, and a warning says why.

    Args:
        updates: critic updates of each captured step.
    """

    def __init__(self, gan: GANState, loader: Batches, noise: Noise, updates: Sequence[int]):
        super().__init__(gan, loader, noise)
        for update in (gan.critic_update, gan.generator_update):
            for group in update.optimizer.param_groups:
                group["capturable"] = True
        self._updates: list[int] | None = list(updates)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._replayed = False  # by the last call of `run`
        # the graph reads the weights of the EMA updates from here, one for each step
        self._traceable = traceable_copy(gan)
        self._weights = gan.ema.ema_parameters[0].new_zeros(len(updates))

    def run(self, updates: Sequence[int], log: Callable[[StackedMetrics, int], None]) -> None:
        """Run one step for each entry of `updates`, the number of its critic updates."""
        self._replayed = False
        if list(updates) != self._updates:
            super().run(updates, log)
            return
        batches = [self.loader.next() for _ in range(sum(updates))]
        batch = _Recorded(batches, [noise for count in updates for noise in self._noise(count)])
        if self._graph is None:
            try:
                self._capture(batch)
            except Exception as error:  # `_capture` has restored the state
                warn_fallback(error)
                self._updates = None
                batch.runner(self.gan).run(updates, log)
                return
        self._replay(batch)
        self._replayed = True
        for metrics, number in self._metrics:
            log(metrics, number)

    def gradients(self) -> dict[str, Sequence[Tensor]]:
        """Return the gradients of each network's last update."""
        return self._gradients if self._replayed else super().gradients()

    def _noise(self, count: int) -> Iterator[UpdateNoise]:
        """Yield the random numbers of one step, in the order in which eager steps take them."""
        for _ in range(count):
            yield self.noise.of_critic()
        yield self.noise.of_generator()

    def _replay(self, batch: "_Recorded") -> None:
        for inputs, given in zip(self._inputs.tensors(), batch.tensors(), strict=True):
            torch._foreach_copy_(inputs, given)
        steps = range(len(self._weights))
        weights = [self.gan.ema.weight(step) for step in steps]
        self._weights.copy_(torch.tensor(weights, dtype=self._weights.dtype))
        self._graph.replay()
        for ema in self.gan.emas:
            ema.updates += len(steps)
        self.gan.scored = self._traceable.scored
        self.gan.stop_answer = self._traceable.stop_answer

    def _capture(self, batch: "_Recorded") -> None:
        before, graph = _State(self.gan), torch.cuda.CUDAGraph()
        self._inputs = batch.clone()
        try:
            with torch.cuda.device(self.gan.device):
                side_stream = torch.cuda.Stream()
                side_stream.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(side_stream):
                    for _ in range(_WARM_UP):
                        self._steps(1)
                torch.cuda.current_stream().wait_stream(side_stream)
                # other threads may copy meanwhile
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    self._metrics = _totals(self._steps(len(self._weights)))
                    self._gradients = super().gradients()
        finally:
            before.restore()
        self._graph = graph

    def _steps(self, count: int) -> list[StackedMetrics]:
        """Run the first `count` steps on the graph's inputs; returns their metrics."""
        runner = self._inputs.runner(self._traceable)
        logged: list[StackedMetrics] = []
        for weight, updates in zip(self._weights[:count], self._updates[:count], strict=True):
            for ema in self._traceable.emas:
                ema.weight = weight
            runner.run([updates], lambda metrics, _: logged.append(metrics))
        return logged


@dataclasses.dataclass
class _Recorded:
    """The data and the random numbers of several steps.

    Attributes:
        batches: samples and labels of each critic update.
        noise: of each update of either network, in their order.
    """

    batches: list[tuple[Tensor, Tensor]]
    noise: list[UpdateNoise]

    def tensors(self) -> list[list[Tensor]]:
        """Return floats and integers: copies of lists with both would not be fused."""
        tensors = [leaf for leaf in tree_iter([self.batches, self.noise]) if leaf is not None]
        return [[t for t in tensors if t.is_floating_point() == kind] for kind in (True, False)]

    def clone(self) -> "_Recorded":
        """Return a copy in memory of its own."""
        return _Recorded(*tree_map_only(Tensor, Tensor.clone, [self.batches, self.noise]))

    def runner(self, gan: Any) -> StepRunner:
        """Return a runner of these steps, from their beginning."""
        return StepRunner(gan, _Replayed(self.batches), _Replayed(self.noise))


class _Replayed:
    """Yields given batches, or given noise."""

    def __init__(self, values: Sequence[Any]):
        self._values = iter(values)

    def next(self) -> Any:
        """Return the next one."""
        return next(self._values)

    of_critic = of_generator = next


def _totals(logged: list[StackedMetrics]) -> list[tuple[StackedMetrics, int]]:
    """Sum metrics of equal names; returns the sums and the number of terms."""
    groups: dict[tuple[str, ...], list[Tensor]] = {}
    for metrics in logged:
        for names, values in metrics.items():
            groups.setdefault(names, []).append(values)
    return [({names: torch.stack(group).sum(0)}, len(group)) for names, group in groups.items()]


class _State:
    """Saves the state that steps change, to restore it after warm-up steps."""

    def __init__(self, gan: GANState):
        self._tensors = {t: t.detach().clone() for t in _mutable_tensors(gan)}
        self._gan = gan

    def restore(self) -> None:
        """Restore everything; zero optimizer state that was created since."""
        with torch.no_grad():
            for tensor in _mutable_tensors(self._gan):
                tensor.copy_(self._tensors[tensor]) if tensor in self._tensors else tensor.zero_()


def _mutable_tensors(gan: GANState) -> list[Tensor]:
    """Return parameters, buffers and the state of the optimizers."""
    updates = (gan.critic_update, gan.generator_update)
    states = [state for update in updates for state in update.optimizer.state.values()]
    networks = [gan.critic, gan.generator, *(ema.network for ema in gan.emas)]
    weights = [t for network in networks for t in (*network.parameters(), *network.buffers())]
    return [*weights, *(t for s in states for t in s.values() if torch.is_tensor(t))]
